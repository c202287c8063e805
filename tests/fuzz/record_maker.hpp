// Makes records out of fuzz bytes: any of the messages, each field small, at an edge, known from elsewhere or any.
//
// What is made has been through the codec: a node is never given a record that the wire could not bring. Ids,
// names and texts come mostly from pools, so that records meet the state that earlier ones made.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "fuzz/input.hpp"
#include "support/records.hpp"
#include "taskmesh/base/boxed.hpp"
#include "taskmesh/base/shared.hpp"
#include "taskmesh/core/types.hpp"
#include "taskmesh/wire/codec.hpp"

namespace fuzz {

/// What has been seen so far and may be named again. Bounded: the newest take the place of the oldest.
struct Pools {
  static constexpr std::size_t kept = 16;
  std::vector<taskmesh::NodeId> nodes;
  std::vector<taskmesh::TaskId> tasks;
  std::vector<std::string> texts;

  template <class T>
  static void keep(std::vector<T>& pool, T value) {
    if (pool.size() >= 2 * kept) pool.erase(pool.begin() + kept);  // The first ones stay.
    pool.push_back(std::move(value));
  }
};

/// An archive for serialize() that fills each field.
class Filler {
 public:
  Filler(Input& input, const Pools& pools) : input_(input), pools_(pools) {}

  template <class... T>
  void operator()(T&... fields) {
    (fill(fields), ...);
  }

 private:
  template <class T>
  void fill(T& field) {
    if constexpr (std::is_enum_v<T>) {
      field = static_cast<T>(input_.pick(12));
    } else if constexpr (std::is_integral_v<T>) {
      field = static_cast<T>(input_.number());
    } else {
      field.serialize(*this);
    }
  }
  void fill(taskmesh::NodeId& id) { pick_from(pools_.nodes, id); }
  void fill(taskmesh::TaskId& id) { pick_from(pools_.tasks, id); }
  void fill(taskmesh::WallTime& time) { time.unix_us = static_cast<std::int64_t>(input_.number()); }
  void fill(taskmesh::Bytes& bytes) { bytes = taskmesh::Bytes::copy_of(text()); }
  void fill(std::string& field) { field = text(); }
  void fill(taskmesh::RareText& field) { field = text(); }
  template <class T, class A>
  void fill(std::vector<T, A>& list) {
    list.resize(input_.pick(5));
    for (T& element : list) fill(element);
  }
  void fill(taskmesh::proto::NodeList& nodes) {
    std::vector<taskmesh::NodeId> list;
    fill(list);
    for (const taskmesh::NodeId& node : list) nodes.push_back(node);
  }
  template <class T>
  void fill(taskmesh::Boxed<T>& rare) {
    if (input_.flag()) fill(rare.edit());
  }
  template <class T>
  void fill(taskmesh::Shared<T>& shared) {
    fill(shared.edit());
  }
  template <class T>
  void pick_from(const std::vector<T>& pool, T& id) {
    const std::size_t at = input_.pick(pool.size() + 2);
    if (at < pool.size()) {
      id = pool[at];
    } else if (at > pool.size()) {
      for (auto& octet : id.bytes) octet = input_.octet();
    }
  }
  std::string text() {
    const std::size_t at = input_.pick(pools_.texts.size() + 2);
    if (at < pools_.texts.size()) return pools_.texts[at];
    return at == pools_.texts.size() ? std::string() : input_.text(40);
  }

  Input& input_;
  const Pools& pools_;
};

template <std::size_t I = 0>
taskmesh::proto::Message empty_message(std::size_t index) {
  if constexpr (I + 1 < std::variant_size_v<taskmesh::proto::Message>) {
    if (index != I) return empty_message<I + 1>(index);
  }
  return taskmesh::proto::Message(std::in_place_index<I>);
}

/// `message` as the other end reads it.
inline support::Record over_the_wire(const taskmesh::proto::Message& message) {
  namespace wire = taskmesh::wire;
  wire::Buffer out;
  const taskmesh::Bytes part = wire::encode(message, out);
  const taskmesh::Bytes frame(std::string(out.view()));
  const std::uint16_t type = std::visit(
      [](const auto& body) {
        return static_cast<std::uint16_t>(taskmesh::proto::type_of<std::decay_t<decltype(body)>>);
      },
      message);
  return *support::read_record({.type = type,
                                .body = frame.view().substr(wire::record_header_bytes),
                                .frame = &frame,
                                .attached = !part.empty(),
                                .part = &part});
}

/// What a peer's record is to the node: a message, or bad input.
inline taskmesh::core::Event make_record(Input& input, const Pools& pools, taskmesh::core::LinkId link) {
  auto message = empty_message(input.pick(std::variant_size_v<taskmesh::proto::Message>));
  Filler filler(input, pools);
  std::visit([&](auto& body) { body.serialize(filler); }, message);
  auto next = over_the_wire(message);
  if (auto* read = std::get_if<taskmesh::proto::Message>(&next)) {
    return taskmesh::core::Received{link, std::move(*read)};
  }
  auto& bad = std::get<taskmesh::wire::BadRecord>(next);
  return taskmesh::core::BadInput{link, bad.code, bad.about, std::move(bad.text)};
}

}  // namespace fuzz
