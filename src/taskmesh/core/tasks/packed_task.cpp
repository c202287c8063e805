#include "taskmesh/core/tasks/packed_task.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

namespace taskmesh::core {

/// What every packed task has, and the first of what else this one has.
struct PackedTask {
  TaskId id;
  std::uint64_t seq;
  TimePoint accepted_at;
  LinkId asked_on;
  std::uint16_t args_bytes;
  std::uint16_t name;
  std::uint8_t kinds;  // Priority and both codecs.
  std::uint8_t has;    // Which of the rest there are.
  std::array<char, 2> rest;
};
static_assert(std::is_trivially_destructible_v<PackedTask> && std::is_trivially_copyable_v<PackedTask>);

namespace {

/// Larger arguments stay where they are: to copy them costs more than the room around them.
constexpr std::size_t packed_args_max = 1'024;
constexpr std::size_t rest_at = offsetof(PackedTask, rest);

enum Has : std::uint8_t { waiter = 1, deadline = 2, time_limit = 4, result_ttl = 8, callback = 16 };

/// What there is besides what every packed task has, in this order; only counts, if there is nowhere to write to.
class Writer {
 public:
  explicit Writer(char* to) : to_(to) {}

  template <class T>
  void value(const T& value) {
    octets(&value, sizeof value);
  }
  void text(std::string_view text) {
    value(static_cast<std::uint32_t>(text.size()));
    octets(text.data(), text.size());
  }
  void octets(const void* from, std::size_t count) {
    if (to_ != nullptr && count != 0) std::memcpy(to_ + bytes_, from, count);
    bytes_ += count;
  }
  std::size_t bytes() const { return bytes_; }

 private:
  char* to_;
  std::size_t bytes_ = 0;
};

/// Reads what a Writer wrote.
class Reader {
 public:
  explicit Reader(const char* from) : from_(from) {}

  template <class T>
  T value() {
    T value;
    std::memcpy(&value, octets(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view text() { return octets(value<std::uint32_t>()); }
  std::string_view octets(std::size_t count) { return {std::exchange(from_, from_ + count), count}; }

 private:
  const char* from_;
};

std::uint8_t what_has(const TaskRecord& task) {
  const proto::Submit& submit = task.submit;
  std::uint8_t has = 0;
  if (!task.waiters.empty()) has |= waiter;
  if (task.deadline) has |= deadline;
  if (submit.time_limit_ms != 0) has |= time_limit;
  if (submit.result_ttl_ms != 0) has |= result_ttl;
  if (!submit.callback_address.empty()) has |= callback;
  return has;
}

void write_rest(Writer& to, const TaskRecord& task, std::uint8_t has) {
  const proto::Submit& submit = task.submit;
  if ((has & deadline) != 0) {
    to.value(submit.deadline_ms);
    to.value(*task.deadline);
  }
  if ((has & time_limit) != 0) to.value(submit.time_limit_ms);
  if ((has & result_ttl) != 0) to.value(submit.result_ttl_ms);
  if ((has & callback) != 0) {
    to.text(submit.callback_address);
    to.text(submit.callback_data);
  }
  to.octets(submit.args.data(), submit.args.size());
}

/// Two bits for the priority, three for each codec.
std::uint8_t kinds_of(const proto::Submit& submit) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(submit.priority) |
                                   static_cast<unsigned>(submit.codec) << 2U |
                                   static_cast<unsigned>(submit.reply_codec) << 5U);
}
void set_kinds(proto::Submit& submit, std::uint8_t kinds) {
  submit.priority = static_cast<Priority>(kinds & 3U);
  submit.codec = static_cast<Codec>(kinds >> 2U & 7U);
  submit.reply_codec = static_cast<Codec>(kinds >> 5U);
}
bool has_known_kinds(const proto::Submit& submit) {
  return submit.priority <= Priority::low && submit.codec <= Codec::json && submit.reply_codec <= Codec::json;
}
static_assert(static_cast<int>(Priority::low) < 4 && static_cast<int>(Codec::json) < 8);

/// Nobody waits for it, or who has sent it.
bool has_plain_waiters(const TaskRecord& task) {
  return task.waiters.empty() || (task.waiters.size() == 1 && task.waiters.begin()->link == task.asked_on &&
                                  task.waiters.begin()->codec == task.submit.reply_codec);
}

/// It was accepted and waits, and nothing else has happened to it.
bool is_plain(const TaskRecord& task) {
  TaskProgress progress = task;
  progress.place = Place::nowhere;
  progress.name = 0;
  progress.accepted_at = {};
  progress.deadline = {};
  progress.asked_on = {};
  return task.place == Place::waiting && progress == TaskProgress{} && !task.past.has_value() &&
         !task.last_fault.has_value() && !task.ended && !task.submit.terms.has_value() &&
         has_known_kinds(task.submit) && has_plain_waiters(task);
}

}  // namespace

PackedTaskPtr pack(const TaskRecord& task) {
  const proto::Submit& submit = task.submit;
  if (submit.args.size() > packed_args_max || task.name > UINT16_MAX || !is_plain(task)) return nullptr;
  const std::uint8_t has = what_has(task);
  Writer counter(nullptr);
  write_rest(counter, task, has);
  const std::size_t bytes = std::max(sizeof(PackedTask), rest_at + counter.bytes());
  char* const storage = static_cast<char*>(::operator new(bytes));
  PackedTaskPtr packed(new (storage) PackedTask{.id = submit.id,
                                                .seq = submit.seq,
                                                .accepted_at = task.accepted_at,
                                                .asked_on = task.asked_on,
                                                .args_bytes = static_cast<std::uint16_t>(submit.args.size()),
                                                .name = static_cast<std::uint16_t>(task.name),
                                                .kinds = kinds_of(submit),
                                                .has = has,
                                                .rest = {}});
  Writer writer(storage + rest_at);
  write_rest(writer, task, has);
  return packed;
}

void unpack(const PackedTask& packed, const std::vector<std::string>& names, TaskRecord& task) {
  task.place = Place::waiting;
  task.name = packed.name;
  task.accepted_at = packed.accepted_at;
  task.asked_on = packed.asked_on;
  proto::Submit& submit = task.submit;
  submit.seq = packed.seq;
  submit.id = packed.id;
  submit.flags = (packed.has & waiter) != 0 ? proto::Submit::wait_flag : 0;
  set_kinds(submit, packed.kinds);
  submit.settled = 0;
  submit.age_ms = 0;
  submit.name = names[packed.name];
  Reader rest(reinterpret_cast<const char*>(&packed) + rest_at);
  submit.deadline_ms = (packed.has & deadline) != 0 ? rest.value<std::uint64_t>() : 0;
  if ((packed.has & deadline) != 0) task.deadline = rest.value<TimePoint>();
  submit.time_limit_ms = (packed.has & time_limit) != 0 ? rest.value<std::uint64_t>() : 0;
  submit.result_ttl_ms = (packed.has & result_ttl) != 0 ? rest.value<std::uint64_t>() : 0;
  if ((packed.has & callback) != 0) {
    submit.callback_address = std::string(rest.text());
    submit.callback_data = std::string(rest.text());
  }
  submit.args = Bytes::copy_of(rest.octets(packed.args_bytes));
  if ((packed.has & waiter) != 0) task.waiters.push_back({packed.asked_on, submit.reply_codec});
}

const TaskId& id_of(const PackedTask& packed) { return packed.id; }

}  // namespace taskmesh::core
