// Desk: what is answered to which request. Routes it, checks it, asks the mesh, answers when the mesh has.
//
// One thread, that of the HTTP server; nothing blocks. No sockets: requests come as Exchange, the mesh is a MeshPort, so
// that tests can play both. Lifetime: the port and the desk outlive every question.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "taskmesh/http/api_keys.hpp"
#include "taskmesh/http/ended_documents.hpp"
#include "taskmesh/http/event_hub.hpp"
#include "taskmesh/http/http_server.hpp"
#include "taskmesh/http/idempotency_book.hpp"
#include "taskmesh/http/mesh_port.hpp"
#include "taskmesh/http/metrics.hpp"
#include "taskmesh/http/order.hpp"
#include "taskmesh/http/problem.hpp"
#include "taskmesh/http/retry_advice.hpp"
#include "taskmesh/http/routes.hpp"
#include "taskmesh/http/task_streams.hpp"

namespace taskmesh::http {

struct DeskOptions {
  std::size_t body_max = limits::http_body_bytes;
  std::size_t in_flight_max = limits::in_flight_max;
  bool insecure = false;    ///< Callback addresses may be beyond this host.
  bool local_only = false;  ///< Serves this host without keys: no page that a browser got elsewhere may ask.
  std::shared_ptr<const ApiKeys> keys{};  ///< Null: everybody may do everything.
  std::function<TimePoint()> now;         ///< The monotonic clock.
  std::function<WallTime()> wall_now;     ///< The other one, for people.
  std::string mesh;                       ///< Named in events.
  std::string boot_id;                    ///< Begins the request ids that we make.
};

class Desk {
 public:
  Desk(MeshPort& mesh, DeskOptions options);
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  void take(const ExchangePtr& exchange);
  /// From now on connections end with their answer, and nothing new is submitted.
  void leave();
  /// A few times each second.
  void tick();
  /// Other keys, from the next request on. Not for a desk without keys.
  void use(std::shared_ptr<const ApiKeys> keys) { keys_ = std::move(keys); }
  /// Tells the numbers of a worker in this process as well.
  void watch(std::function<WorkerCounters()> worker) { worker_ = std::move(worker); }
  /// Requests without an answer yet.
  std::size_t open() const { return *open_; }

 private:
  /// One request on its way through.
  struct Visit {
    ExchangePtr exchange;
    TimePoint began{};
    Target target;
    const Route* route = nullptr;
    std::string parameter;
    std::string request_id;
    std::string trace_parent;
    Preferences prefer;
    std::string asker;         // The name of the key; empty without keys...
    Role role = Role::admin;   // ...and then everybody may do everything.
    std::string repeat_scope;  // Where its answer is kept for repeats; empty: nowhere.
    std::string repeat_key;    // The Idempotency-Key itself, as the mesh is told it.
    std::vector<std::pair<std::string, std::string>> headers;  // Of the answer, beside the usual ones.
    std::shared_ptr<std::size_t> open;                         // Until it is counted out.
    bool answered = false;

    Visit() = default;
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    /// Whoever had no memory to answer it lets it go.
    ~Visit() {
      if (open) --*open;
    }
  };
  using VisitPtr = std::shared_ptr<Visit>;
  using Operate = void (Desk::*)(const VisitPtr&);

  VisitPtr admit(const ExchangePtr& exchange);
  /// False: it is refused.
  bool find_route(const VisitPtr& visit);
  bool is_welcome(const VisitPtr& visit);
  bool is_allowed(const VisitPtr& visit);
  bool is_from_here(const VisitPtr& visit);
  static Operate operate(Operation operation);
  void answer(const VisitPtr& visit, Answer answer);
  void answer(const VisitPtr& visit, int status, std::string body);
  /// With its entity tag; 304 where the asker has it already.
  void answer_tagged(const VisitPtr& visit, std::string body);
  void answer_tagged(const VisitPtr& visit, Answer all);
  void answer_tagged(const VisitPtr& visit, Answer all, std::string tag);
  void refuse(const VisitPtr& visit, Complaint complaint);
  void refuse(const VisitPtr& visit, Problem problem, std::string detail);
  void advise(const VisitPtr& visit, std::uint64_t seconds);

  // Of tasks: desk_tasks.cpp
  void submit(const VisitPtr& visit);
  void submit_batch(const VisitPtr& visit);
  void task(const VisitPtr& visit);
  void result(const VisitPtr& visit);
  void cancel(const VisitPtr& visit);
  bool may_submit(const VisitPtr& visit);
  bool body_is_json(const VisitPtr& visit);
  /// False: the request was sent before, and is answered.
  bool is_first(const VisitPtr& visit);
  void carry(const VisitPtr& visit, Order& order) const;
  Result<detail::SubmitPlan> plan(Order order) const;
  void await_acceptance(const VisitPtr& visit, TaskId id, const std::string& name, TaskState state);
  void await_end(const VisitPtr& visit, detail::SubmitPlan plan, Duration wait);
  void accepted(const VisitPtr& visit, TaskId id, const std::string& name, TaskState state,
                const core::Acceptance* acceptance);
  std::optional<TaskId> id_of(const VisitPtr& visit);
  /// Asks for the task; waits for its end first where that is preferred.
  using OnReport = void (Desk::*)(const VisitPtr&, const proto::TaskReport&);
  void look_up(const VisitPtr& visit, OnReport then);
  void tell(const VisitPtr& visit, const proto::TaskReport* report, OnReport then);
  void tell_task(const VisitPtr& visit, const proto::TaskReport& report);
  void tell_result(const VisitPtr& visit, const proto::TaskReport& report);
  Duration wait_of(const VisitPtr& visit);

  // Live: desk_events.cpp
  void events(const VisitPtr& visit);
  void all_events(const VisitPtr& visit);
  void tell_events(const VisitPtr& visit, const proto::TaskReport& report);
  StreamPtr open_stream(const VisitPtr& visit);
  Answer head_of(const VisitPtr& visit, Answer answer);
  void count(const VisitPtr& visit, int status);

  // Of the mesh: desk_mesh.cpp
  struct Page;
  void list_tasks(const VisitPtr& visit);
  void fill(const VisitPtr& visit, const std::shared_ptr<Page>& page);
  void finish(const VisitPtr& visit, const Page& page);
  void workers(const VisitPtr& visit);
  void health(const VisitPtr& visit);
  void ready(const VisitPtr& visit);
  void problem(const VisitPtr& visit);
  void metrics(const VisitPtr& visit);
  void openapi(const VisitPtr& visit);

  // For the dashboard: desk_page.cpp
  void page_file(const VisitPtr& visit);
  void me(const VisitPtr& visit);
  void queues(const VisitPtr& visit);

  // Callbacks, undelivered and posted: desk_callbacks.cpp
  template <class Which>
  struct WorkerPages;
  using CallbackPages = WorkerPages<proto::ListCallbacks>;
  using PostPages = WorkerPages<proto::ListPosts>;
  struct Replay;
  void callbacks(const VisitPtr& visit);
  void callback_log(const VisitPtr& visit);
  template <class Which>
  void begin(const VisitPtr& visit, std::string_view rows);
  template <class Which>
  void fill(const VisitPtr& visit, const std::shared_ptr<WorkerPages<Which>>& pages);
  template <class Which, class List>
  void take(const VisitPtr& visit, const std::shared_ptr<WorkerPages<Which>>& pages, const List* list);
  void replay(const VisitPtr& visit);
  void find_address(const VisitPtr& visit, const std::shared_ptr<Replay>& replay);
  void replay_at(const VisitPtr& visit, const std::shared_ptr<Replay>& replay);

  MeshPort& mesh_;
  const DeskOptions options_;
  std::shared_ptr<const ApiKeys> keys_;
  RetryAdvice advice_;
  IdempotencyBook repeats_;
  EndedDocuments ended_;
  EventHub hub_;
  TaskStreams task_streams_;
  RequestNumbers numbers_;
  std::function<WorkerCounters()> worker_;
  bool leaving_ = false;
  std::uint64_t requests_ = 0;
  std::shared_ptr<std::size_t> open_;
};

}  // namespace taskmesh::http
