#include "taskmesh/inspection.hpp"

#include <sys/inotify.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "taskmesh/io/address.hpp"
#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/host_directory.hpp"
#include "taskmesh/io/random_seed.hpp"
#include "taskmesh/io/unique_fd.hpp"
#include "taskmesh/io/zmq_transport.hpp"
#include "taskmesh/node_host.hpp"

namespace taskmesh::detail {

namespace {

constexpr std::size_t at_once_max = 32;  // Each hello is a node of its own, with its threads.
constexpr Duration ask_every = 50ms;

WorkerInfo info_of(const core::MemberView& view) {
  return {.id = view.member.node,
          .name = view.member.name,
          .host = view.member.host,
          .pid = view.member.pid,
          .state = std::string(core::to_string(view.liveness)),
          .endpoints = view.member.endpoints,
          .tasks = view.member.serves,
          .slots = view.member.slots,
          .running = view.load.running,
          .queued = view.load.queued,
          .silence = view.silence,
          .ended = view.ended,
          .beat_age = view.beat_age};
}

/// One client whose only seed is the address.
class Hello {
 public:
  Hello(std::string endpoint, const GreetOptions& options) : endpoint_(std::move(endpoint)) {
    HostOptions host;
    host.node.kind = core::NodeKind::client;
    host.node.client_instance = io::random_u32();
    host.node.self.name = "doctor";
    host.mesh = options.mesh;
    host.seeds = {endpoint_};
    host.token = options.token;
    host.insecure = options.insecure;
    host.log = LogLevel::off;
    auto started = NodeHost::start(std::move(host),
                                   {.notify = [this](std::vector<core::Notice>& notices) { heard(notices); },
                                    .noted = [this](const core::Noted& noted) { read(noted); }});
    if (started) {
      host_ = std::move(*started);
    } else {
      trouble_ = std::move(started.error());
    }
  }
  Hello(const Hello&) = delete;
  Hello& operator=(const Hello&) = delete;
  ~Hello() {
    if (host_) host_->stop();  // Before what its hooks use goes.
  }

  /// Waits for an answer until then.
  Greeting answer(TimePoint until) {
    std::unique_lock lock(mutex_);
    while (!worker_ && !trouble_ && io::steady_now() < until) {
      host_->post(core::ListMembers{.token = 1, .settle = false});
      changed_.wait_for(lock, std::min<Duration>(ask_every, until - io::steady_now()),
                        [this] { return worker_ || trouble_; });
    }
    Greeting greeting{.endpoint = endpoint_, .worker = worker_, .trouble = {}};
    if (trouble_) greeting.trouble = *trouble_;
    if (!worker_ && !trouble_) greeting.trouble = silence();
    return greeting;
  }

 private:
  void heard(std::vector<core::Notice>& notices) {
    for (const core::Notice& notice : notices) {
      const auto* list = std::get_if<core::MemberList>(&notice);
      if (list == nullptr) continue;
      for (const core::MemberView& view : list->members) consider(view);
    }
  }

  /// The one at this address; others it tells of are dialled too.
  void consider(const core::MemberView& view) {
    const bool answers = view.liveness == core::Liveness::alive || view.liveness == core::Liveness::draining;
    const std::lock_guard lock(mutex_);
    if (!answers || worker_) return;
    worker_ = info_of(view);
    changed_.notify_all();
  }

  /// "... at ENDPOINT refused us: ..."
  void read(const core::Noted& noted) {
    if (noted.text.find(" refused us") == std::string::npos) return;
    const std::lock_guard lock(mutex_);
    const auto why = noted.text.find(": ");
    const auto fix = noted.text.rfind(" (");
    Error error{.kind = ErrorKind::refused, .what = noted.text.substr(0, why), .why = {}, .fix = {}};
    if (why != std::string::npos && fix != std::string::npos && why < fix) {
      error.why = noted.text.substr(why + 2, fix - why - 2);
      error.fix = noted.text.substr(fix + 2, noted.text.size() - fix - 3);
    }
    trouble_ = std::move(error);
    changed_.notify_all();
  }

  /// Nothing came: is there anybody at all?
  Error silence() const {
    const auto endpoints = io::dial_addresses(endpoint_, false);
    if (!endpoints) return endpoints.error();
    for (const std::string& endpoint : *endpoints) {
      if (auto connected = io::try_connect(endpoint, 1s); !connected) return connected.error();
    }
    return {.kind = ErrorKind::timed_out,
            .what = endpoint_ + " does not answer",
            .why = "somebody is bound there, and says nothing: a stopped worker, or no node of this mesh",
            .fix = "look who it is with `ss -ltnp`, and check the mesh name"};
  }

  const std::string endpoint_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<WorkerInfo> worker_;
  std::optional<Error> trouble_;
  std::unique_ptr<NodeHost> host_;
};

}  // namespace

std::vector<Greeting> greet(const std::vector<std::string>& endpoints, const GreetOptions& options) {
  std::vector<Greeting> greetings;
  const TimePoint until = io::steady_now() + options.wait;
  for (std::size_t begin = 0; begin < endpoints.size(); begin += at_once_max) {
    std::vector<std::unique_ptr<Hello>> hellos;
    for (std::size_t i = begin; i < std::min(endpoints.size(), begin + at_once_max); ++i) {
      hellos.push_back(std::make_unique<Hello>(endpoints[i], options));
    }
    for (const auto& hello : hellos) greetings.push_back(hello->answer(until));
  }
  return greetings;
}

Result<void> check_mesh(const std::string& mesh) { return io::check_mesh_name(mesh); }

Result<std::string> token_in(const std::string& file) { return io::read_token(file); }

Versions versions() {
  const io::ZmqVersion version = io::zmq_version();
  return {version.loaded, version.built};
}

WallTime wall_time() { return io::wall_now(); }

bool directories_are_watched() { return static_cast<bool>(io::UniqueFd(::inotify_init1(IN_CLOEXEC))); }

}  // namespace taskmesh::detail
