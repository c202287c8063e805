// Desk: the dashboard's files, and what it asks for beyond the tasks: who am I, how full are the queues.
#include <algorithm>

#include "taskmesh/http/dashboard.hpp"
#include "taskmesh/http/desk.hpp"
#include "taskmesh/http/documents.hpp"
#include "taskmesh/version.hpp"

namespace taskmesh::http {

void Desk::page_file(const VisitPtr& visit) {
  const bool is_page = visit->route->operation == Operation::page;
  const EmbeddedFile* file =
      find_dashboard_file(is_page ? dashboard_page : std::string_view(visit->parameter));
  if (file == nullptr) return refuse(visit, Problem::no_such_page, "the dashboard has no file of that name");
  visit->headers.emplace_back("Content-Security-Policy", dashboard_policy());
  visit->headers.emplace_back("X-Content-Type-Options", "nosniff");
  visit->headers.emplace_back("Referrer-Policy", "no-referrer");
  visit->headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  answer_tagged(visit, {.status = 200,
                        .content_type = std::string(media_type_of(file->name)),
                        .body = std::string(file->content)});
}

void Desk::me(const VisitPtr& visit) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("mesh");
  writer.string(options_.mesh);
  writer.key("version");
  writer.string(version());
  writer.key("keys");
  writer.boolean(options_.keys != nullptr);
  writer.key("name");
  if (visit->asker.empty())
    writer.null();
  else
    writer.string(visit->asker);
  writer.key("role");
  writer.string(role_name(visit->role));
  writer.end_object();
  answer_tagged(visit, writer.take());
}

// ---- Queues -------------------------------------------------------------------------------------------

namespace {

struct Queued {
  std::uint64_t critical = 0;
  std::uint64_t high = 0;
  std::uint64_t normal = 0;
  std::uint64_t low = 0;

  void add(const Queued& more) {
    critical += more.critical;
    high += more.high;
    normal += more.normal;
    low += more.low;
  }
  void write(JsonWriter& writer) const {
    writer.key("queued");
    writer.begin_object();
    const std::pair<std::string_view, std::uint64_t> all[] = {
        {"critical", critical}, {"high", high}, {"normal", normal}, {"low", low}};
    for (const auto& [name, count] : all) {
      writer.key(name);
      writer.number(count);
    }
    writer.end_object();
  }
};

struct QueueRound {
  struct One {
    std::string id;
    std::string name;
    std::optional<Queued> queued;  // Nothing: it said nothing in time.
  };
  std::vector<One> workers;
  std::size_t missing = 0;
};

std::string queues_document(const QueueRound& round) {
  Queued sum;
  for (const auto& one : round.workers) sum.add(one.queued.value_or(Queued{}));
  JsonWriter writer;
  writer.begin_object();
  sum.write(writer);
  writer.key("workers");
  writer.begin_array();
  for (const auto& one : round.workers) {
    if (!one.queued) continue;
    writer.begin_object();
    writer.key("id");
    writer.string(one.id);
    writer.key("name");
    writer.string(one.name);
    one.queued->write(writer);
    writer.end_object();
  }
  writer.end_array();
  writer.key("silent");
  writer.begin_array();
  for (const auto& one : round.workers) {
    if (!one.queued) writer.string(one.name);
  }
  writer.end_array();
  writer.end_object();
  return writer.take();
}

}  // namespace

/// All workers at once: each counts its own queue, and tells it with any list.
void Desk::queues(const VisitPtr& visit) {
  mesh_.members(limits::http_question_wait, [this, visit](std::vector<core::MemberView> members) {
    std::erase_if(members, [](const core::MemberView& view) { return !answers_questions(view); });
    std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) {
      return std::tie(a.member.name, a.member.node) < std::tie(b.member.name, b.member.node);
    });
    auto round = std::make_shared<QueueRound>();
    round->missing = members.size();
    for (const core::MemberView& view : members) {
      round->workers.push_back({to_string(view.member.node), view.member.name, {}});
    }
    if (members.empty()) return answer_tagged(visit, queues_document(*round));
    for (std::size_t i = 0; i < members.size(); ++i) {
      mesh_.tasks(members[i].member.node, {.rows_max = 1}, limits::list_wait,
                  [this, visit, round, i](const proto::TaskList* list) {
                    if (list != nullptr) {
                      round->workers[i].queued = Queued{list->queued_critical, list->queued_high,
                                                        list->queued_normal, list->queued_low};
                    }
                    if (--round->missing == 0) answer_tagged(visit, queues_document(*round));
                  });
    }
  });
}

}  // namespace taskmesh::http
