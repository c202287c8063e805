#include "cli/top_feed.hpp"

#include <algorithm>
#include <utility>

namespace taskmesh::cli {

namespace {

constexpr Duration cancel_wait = 2s;

WallTime wall_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(now).count()};
}

}  // namespace

TopSample take_sample(Client& client, std::size_t tasks_max) {
  TopSample sample{.mesh = client.mesh()};
  TaskListing all = client.tasks({.limit = tasks_max});
  if (all.more) {  // Then what runs may be missing, which is what people look for.
    TaskListing running = client.tasks({.state = TaskState::running, .limit = tasks_max});
    for (TaskInfo& task : running.tasks) {
      const auto same = [&](const TaskInfo& other) { return other.task_id == task.task_id; };
      if (std::ranges::none_of(all.tasks, same)) all.tasks.push_back(std::move(task));
    }
  }
  sample.tasks = std::move(all.tasks);
  sample.more = all.more;
  sample.silent = std::move(all.silent);
  sample.workers = client.workers();
  sample.at = std::chrono::steady_clock::now();
  sample.wall = wall_now();
  return sample;
}

TopFeed::TopFeed(Client& client, std::size_t tasks_max, Duration interval, std::function<void()> news)
    : client_(client), tasks_max_(tasks_max), interval_(interval), news_(std::move(news)) {
  thread_ = std::thread([this] { run(); });
}

TopFeed::~TopFeed() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

TopFeed::News TopFeed::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(waiting_, {});
}

void TopFeed::cancel(TaskId task) {
  const std::lock_guard lock(mutex_);
  doomed_.push_back(task);
  changed_.notify_all();
}

void TopFeed::look() {
  const std::lock_guard lock(mutex_);
  look_ = true;
  changed_.notify_all();
}

void TopFeed::tell(News news) {
  {
    const std::lock_guard lock(mutex_);
    if (news.sample) waiting_.sample = std::move(news.sample);
    if (!news.message.empty()) waiting_.message = std::move(news.message);
  }
  news_();
}

std::string TopFeed::cancelled(TaskId task) {
  const auto answer = client_.try_cancel(task, cancel_wait);
  const std::string name = "task " + to_string(task);
  if (!answer) return name + " was not cancelled: " + answer.error().what;
  if (answer->stopping) return name + " runs and was asked to stop";
  if (answer->gone()) return name + " is cancelled";
  return name + " was not cancelled: it had ended as " + std::string(to_string(answer->state));
}

void TopFeed::run() {
  std::unique_lock lock(mutex_);
  while (!ended_) {
    const std::vector<TaskId> doomed = std::exchange(doomed_, {});
    look_ = false;
    lock.unlock();
    try {
      for (const TaskId task : doomed) tell({.sample = {}, .message = cancelled(task)});
      tell({.sample = take_sample(client_, tasks_max_), .message = {}});
    } catch (const Failure& failure) {
      tell({.sample = {}, .message = "the mesh cannot be asked: " + failure.error().what});
    }
    lock.lock();
    changed_.wait_for(lock, interval_, [this] { return ended_ || look_ || !doomed_.empty(); });
  }
}

}  // namespace taskmesh::cli
