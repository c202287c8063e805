// MeshPort: the mesh as the web side sees it: questions without waiting, answers later, each exactly once.
//
// Threads: everything here, and every answer, is on the thread of the HTTP server; nothing blocks. Each question has a
// budget; when that has passed the answer is null. ClientPort is the real one, a client node of its own; tests have
// others. Lifetime: no answer comes after the port is destroyed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "taskmesh/node_host.hpp"
#include "taskmesh/options.hpp"
#include "taskmesh/submit_plan.hpp"

namespace taskmesh::http {

class MeshPort {
 public:
  using OnAcceptance = std::function<void(const core::Acceptance*)>;
  using OnReport = std::function<void(const proto::TaskReport*)>;
  using OnCancellation = std::function<void(const core::Cancellation*)>;
  using OnMembers = std::function<void(const std::vector<core::MemberView>&)>;
  using OnTasks = std::function<void(const proto::TaskList*)>;
  using OnEvents = std::function<void(core::EventsTold&&)>;
  using OnCallbacks = std::function<void(const proto::CallbackList*)>;
  using OnPosts = std::function<void(const proto::PostList*)>;
  using OnRetried = std::function<void(const proto::CallbacksRetried*)>;

  MeshPort() = default;
  MeshPort(const MeshPort&) = delete;
  MeshPort& operator=(const MeshPort&) = delete;
  virtual ~MeshPort() = default;

  /// Sends it on its way; the id is ours at once.
  virtual TaskId submit(detail::SubmitPlan plan) = 0;
  /// The same, and tells its end.
  virtual TaskId submit(detail::SubmitPlan plan, Duration budget, OnReport ended) = 0;
  /// When a worker holds it, or never will.
  virtual void accepted(TaskId id, Duration budget, OnAcceptance then) = 0;
  /// What is known of it now. Results come as JSON wherever they can.
  virtual void status(TaskId id, Duration budget, OnReport then) = 0;
  /// Its end.
  virtual void end(TaskId id, Duration budget, OnReport then) = 0;
  virtual void cancel(TaskId id, Duration budget, OnCancellation then) = 0;
  /// Nobody waits for the answer.
  virtual void withdraw(TaskId id) = 0;
  virtual void members(Duration budget, OnMembers then) = 0;
  /// A page of what one worker knows; also null where it is gone.
  virtual void tasks(NodeId worker, proto::ListTasks which, Duration budget, OnTasks then) = 0;
  /// What happens to all tasks, until unwatch(), which is not called from there.
  virtual core::Token watch(OnEvents then) = 0;
  /// The same of these tasks alone, at most limits::query_ids_max and one at least. What is asked after it about one of them is
  /// answered after it is known: what is told later is newer.
  virtual core::Token watch_tasks(std::vector<TaskId> ids, OnEvents then) = 0;
  /// From now on of these.
  virtual void change_watch(core::Token watch, std::vector<TaskId> ids) = 0;
  virtual void unwatch(core::Token watch) = 0;
  /// A page of the callbacks that one worker has not delivered.
  virtual void callbacks(NodeId worker, proto::ListCallbacks which, Duration budget, OnCallbacks then) = 0;
  /// A page of what one worker has posted to webhooks.
  virtual void posts(NodeId worker, proto::ListPosts which, Duration budget, OnPosts then) = 0;
  /// Has it send them now.
  virtual void retry(NodeId worker, proto::RetryCallbacks which, Duration budget, OnRetried then) = 0;
  /// Questions that have no answer yet.
  virtual std::size_t open() const = 0;
  /// Of the tasks that went through here.
  virtual io::SpanCounters spans() const = 0;
};

/// The worker can be given tasks.
bool takes_tasks(const core::MemberView& member);
/// The worker answers questions about what it has.
bool answers_questions(const core::MemberView& member);

class ClientPort : public MeshPort {
 public:
  /// Joins the mesh. `wake` is called on another thread when there is something for pump(), once until it has run;
  /// `soon` on the server's thread when there is something for flush(), once until it has run: what one round of the
  /// server's loop asks goes to the node together, and wakes it once.
  static Result<std::unique_ptr<ClientPort>> open(const ClientOptions& options, std::function<void()> wake,
                                                  std::function<void()> soon);
  ~ClientPort() override;

  /// Hands out what the mesh has said.
  void pump();
  /// Hands the node what was asked.
  void flush();
  /// Gives up what is over its budget. To be called a few times each second.
  void tick(TimePoint now);
  /// Every question that is open gets its null now, and every later one with the next tick.
  void give_up();
  const std::string& mesh() const { return mesh_; }

  TaskId submit(detail::SubmitPlan plan) override;
  TaskId submit(detail::SubmitPlan plan, Duration budget, OnReport ended) override;
  void accepted(TaskId id, Duration budget, OnAcceptance then) override;
  void status(TaskId id, Duration budget, OnReport then) override;
  void end(TaskId id, Duration budget, OnReport then) override;
  void cancel(TaskId id, Duration budget, OnCancellation then) override;
  void withdraw(TaskId id) override;
  void members(Duration budget, OnMembers then) override;
  void tasks(NodeId worker, proto::ListTasks which, Duration budget, OnTasks then) override;
  core::Token watch(OnEvents then) override;
  core::Token watch_tasks(std::vector<TaskId> ids, OnEvents then) override;
  void change_watch(core::Token watch, std::vector<TaskId> ids) override;
  void unwatch(core::Token watch) override;
  void callbacks(NodeId worker, proto::ListCallbacks which, Duration budget, OnCallbacks then) override;
  void posts(NodeId worker, proto::ListPosts which, Duration budget, OnPosts then) override;
  void retry(NodeId worker, proto::RetryCallbacks which, Duration budget, OnRetried then) override;
  std::size_t open() const override { return open_; }
  io::SpanCounters spans() const override { return host_->spans(); }

 private:
  /// Null: the budget has passed.
  using Then = std::function<void(core::Notice*)>;
  struct Question {
    core::Token token = 0;  // 0: the place is free.
    TaskId awaited;         // Whose end is waited for; nil: something else.
    Then then;
  };
  ClientPort(std::function<void()> wake, std::function<void()> soon);
  void send(core::Event&& event);
  void hand_out(core::Notice& notice);
  Result<void> start(const ClientOptions& options);
  core::Token ask(Duration budget, Then then, TaskId awaited = {});
  template <class Body>
  void ask_worker(NodeId worker, core::AskWorker::What what, Duration budget,
                  std::function<void(const Body*)> then);
  Then take(core::Token token);
  void expire(core::Token token);
  void heard(std::vector<core::Notice>& notices);
  void hear(core::Notice&& notice);
  TaskId next_id(std::uint16_t flags);

  const std::function<void()> wake_;
  const std::function<void()> soon_;
  std::vector<core::Event> asked_;
  const std::uint32_t instance_;
  std::string mesh_;
  std::uint32_t counter_ = 0;
  std::uint32_t uses_ = 0;
  std::size_t open_ = 0;
  std::map<core::Token, OnEvents> watches_;
  std::vector<Question> questions_;
  std::vector<std::uint32_t> free_;
  std::map<std::int64_t, std::vector<core::Token>> due_;  // By tenths of seconds.
  std::mutex mutex_;                                      // Guards the next three.
  std::vector<core::Notice> heard_;
  std::size_t events_heard_ = 0;      // Of them, events of tasks: no more than are kept anyway.
  std::uint64_t events_dropped_ = 0;  // What came beyond that.
  std::vector<core::Notice> handing_out_;
  std::unique_ptr<detail::NodeHost> host_;  // Last: its thread uses what is above.
};

}  // namespace taskmesh::http
