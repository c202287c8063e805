#include "driver.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <string_view>
#include <utility>

#include "tasks.hpp"

namespace pipeline {

using std::chrono::steady_clock;
using taskmesh::CompletionEvent;
using taskmesh::TaskState;

namespace {

constexpr auto question_patience = std::chrono::seconds{2};

// What the stage said. An exception arrives as its type and message; a document's fault needs no type.
std::string reason_of(const taskmesh::Error& error) {
  constexpr std::string_view type = "pipeline::BadDocument: ";
  const std::string& why = error.why.empty() ? error.what : error.why;
  return why.starts_with(type) ? why.substr(type.size()) : why;
}

}  // namespace

Driver::Driver(std::vector<Source> sources, DriverOptions options)
    : options_{std::move(options)},
      total_{sources.size()},
      started_{steady_clock::now()},
      last_event_{started_},
      client_{{.mesh = options_.mesh, .name = "pipeline"}} {
  for (Source& source : sources) waiting_.push_back({.source = std::move(source)});
  react_to_completions();
}

// The pipeline itself: what a stage's result turns into.
void Driver::react_to_completions() {
  on_completion<Document>(tasks::extract.name(), [this](Flight flight, const Document& document) {
    submit(std::move(flight), tasks::classify(document));
  });
  on_completion<Document>(tasks::classify.name(), [this](Flight flight, const Document& document) {
    submit(std::move(flight), tasks::apply_rules(document));
  });
  on_completion<Document>(tasks::apply_rules.name(), [this](Flight flight, const Document& document) {
    submit(std::move(flight), tasks::generate(document));
  });
  on_completion<Page>(tasks::generate.name(), [this](Flight flight, const Page& page) {
    submit(std::move(flight), tasks::postprocess(page, options_.out_dir));
  });
  on_completion<Record>(tasks::postprocess.name(),
                        [this](const Flight&, Record record) { site_.records.push_back(std::move(record)); });
}

template <class Result, class Next>
void Driver::on_completion(const char* task, Next next) {
  listener_.on(task, [this, next](const CompletionEvent& event) {
    const std::lock_guard lock{mutex_};
    advance<Result>(event, next);
    if (!closed_) start_more();
    changed_.notify_one();
  });
}

template <class Result, class Next>
void Driver::advance(const CompletionEvent& event, Next next) {
  auto node = flights_.extract(event.task_id);
  if (node.empty()) return;  // Delivered again, or given up: events come at least once.
  Flight flight = std::move(node.mapped());
  last_event_ = steady_clock::now();
  if (event.state == TaskState::lost && flight.attempt < attempts_max) {
    ++restarted_;
    return start(
        {.source = std::move(flight.source), .attempt = flight.attempt + 1});  // Stages may run twice.
  }
  if (event.error) return fail(flight, reason_of(*event.error));
  tally_.add(event.worker, flight.stage,
             std::chrono::microseconds{event.completed_at.unix_us - event.started_at.unix_us});
  auto result = event.result_as<Result>();
  if (!result) return fail(flight, to_string(result.error()));
  ++flight.stage;
  try {
    next(flight, std::move(*result));
  } catch (const std::exception&
               error) {  // Arguments that cannot be encoded. Thrown on, the event would come again.
    fail(flight, error.what());
  }
}

template <class Result>
void Driver::submit(Flight flight, taskmesh::Call<Result> call) {
  // A second worker holds each task, and takes it over from one that dies.
  const taskmesh::SubmitOptions options{.deadline = options_.patience, .replicas = 1};
  const auto id = client_.try_delay_with_callback(std::move(call), {.address = listener_.address()}, options);
  if (id) {
    flights_.emplace(*id, std::move(flight));  // Before its event can be handled: we hold the mutex.
  } else {
    fail(flight, to_string(id.error()));
  }
}

void Driver::start(Flight flight) {
  flight.stage = 0;
  auto call = tasks::extract(flight.source);
  submit(std::move(flight), std::move(call));
}

// The stages give the same answer when they run twice, so a lost task may be done again.
void Driver::start_again(Flight flight) {
  if (flight.attempt >= attempts_max)
    return fail(flight, "the worker died, " + std::to_string(attempts_max) + " times");
  ++restarted_;
  start({.source = std::move(flight.source), .attempt = flight.attempt + 1});
}

void Driver::start_more() {
  while (!waiting_.empty() && flights_.size() < options_.in_flight_max) {
    Flight flight = std::move(waiting_.front());
    waiting_.pop_front();
    start(std::move(flight));
  }
}

void Driver::fail(const Flight& flight, const std::string& why) {
  site_.failures.push_back({flight.source, stage_names.at(std::min<std::size_t>(flight.stage, 4)), why});
}

void Driver::give_up(const std::string& why) {
  for (const auto& [id, flight] : std::exchange(flights_, {})) fail(flight, why);
  for (const Flight& flight : std::exchange(waiting_, {})) fail(flight, why);
}

Status Driver::status() const {
  return {.total = total_,
          .done = site_.records.size(),
          .failed = site_.failures.size(),
          .in_flight = flights_.size(),
          .elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - started_)};
}

// A dead worker cannot tell how its tasks ended, so we ask: lost and forgotten ones start again. What another
// worker holds is no longer in doubt; what nobody could say yet is asked about again.
void Driver::ask_about_doubtful(std::unique_lock<std::mutex>& lock) {
  if (doubtful_.empty()) return;
  std::vector<taskmesh::TaskId> asked = std::exchange(doubtful_, {});
  std::erase_if(asked, [this](const taskmesh::TaskId& id) { return !flights_.contains(id); });
  for (const taskmesh::TaskId& id : asked) {
    lock.unlock();  // Events keep coming while we ask.
    const auto known = client_.get_task_result<taskmesh::Payload>(id, question_patience);
    lock.lock();
    const bool unanswered = !known && (known.error().kind == taskmesh::ErrorKind::timed_out ||
                                       known.error().kind == taskmesh::ErrorKind::unavailable);
    if (known.state == TaskState::lost || (known.state == TaskState::unknown && !unanswered)) {
      if (auto node = flights_.extract(id)) start_again(std::move(node.mapped()));
    } else if (known.state == TaskState::unknown) {
      doubtful_.push_back(id);
    }
  }
  start_more();
}

void Driver::kill_one_in_the_middle(WorkerProcesses& workers, Progress& progress) {
  if (!options_.kill_one || killed_ || 2 * (site_.records.size() + site_.failures.size()) < total_) return;
  killed_ = true;
  under_way_ = flights_.size();
  progress.note(workers.kill_one() + " is killed, with " + std::to_string(under_way_) +
                " documents under way in the mesh");
}

void Driver::look_after(WorkerProcesses& workers, Progress& progress) {
  const std::vector<std::string> ended = workers.ended();
  for (const std::string& line : ended) progress.note(line);
  if (ended.empty()) return;
  for (const auto& [id, flight] : flights_) doubtful_.push_back(id);
}

Site Driver::run(WorkerProcesses& workers, Progress& progress) {
  std::unique_lock lock{mutex_};
  start_more();
  while (!finished()) {
    changed_.wait_for(lock, std::chrono::milliseconds{100});  // To draw and to look after the workers.
    progress.show(status());
    kill_one_in_the_middle(workers, progress);
    look_after(workers, progress);
    if (finished()) break;
    if (workers.alive() == 0) give_up("no worker is left");
    if (steady_clock::now() - last_event_ > options_.patience * 2)
      give_up("the mesh has not answered in time");
    ask_about_doubtful(lock);
  }
  closed_ = true;
  progress.show(status());
  progress.finish();
  if (killed_) {
    progress.note("all " + std::to_string(under_way_) + " documents that were under way went on; " +
                  std::to_string(restarted_) + " of them had to be started again");
  }
  site_.run = {headline(status(), tally_)};
  std::ranges::copy(tally_.lines(), std::back_inserter(site_.run));
  return std::move(site_);
}

}  // namespace pipeline
