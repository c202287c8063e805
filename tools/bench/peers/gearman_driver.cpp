// gearmand, by libgearman on both sides.
//
//   taskmesh_peer_gearmand worker|client PORT
#include <libgearman/gearman.h>

#include <memory>

#include "bench/peers/driver.hpp"

namespace {

using namespace taskmesh::bench;
using peers::expect;

constexpr const char* host = "127.0.0.1";
constexpr int patience_ms = 10'000;

// ---- Worker ---------------------------------------------------------------------------------------------

gearman_return_t echo(gearman_job_st* job, void*) {
  return gearman_job_send_complete(job, gearman_job_workload(job), gearman_job_workload_size(job));
}

int work(in_port_t port) {
  gearman_worker_st* worker = gearman_worker_create(nullptr);
  expect(gearman_success(gearman_worker_add_server(worker, host, port)), "no server");
  const gearman_function_t function = gearman_function_create_v2(echo);
  gearman_worker_define_function(worker, "echo", 4, function, 0, nullptr);
  while (gearman_success(gearman_worker_work(worker))) {
  }
  const std::string why = gearman_worker_error(worker);
  gearman_worker_free(worker);
  throw std::runtime_error(why);
}

// ---- Client ---------------------------------------------------------------------------------------------

struct Free {
  void operator()(gearman_client_st* client) const { gearman_client_free(client); }
};
using Client = std::unique_ptr<gearman_client_st, Free>;

Client make_client(in_port_t port) {
  Client client(gearman_client_create(nullptr));
  expect(gearman_success(gearman_client_add_server(client.get(), host, port)), "no server");
  gearman_client_set_timeout(client.get(), patience_ms);
  return client;
}

class GearmanLoad {
 public:
  explicit GearmanLoad(in_port_t port) : blocking_(make_client(port)), pipelined_(make_client(port)) {
    gearman_client_add_options(pipelined_.get(), GEARMAN_CLIENT_NON_BLOCKING);
    gearman_client_add_options(pipelined_.get(), GEARMAN_CLIENT_FREE_TASKS);
    gearman_client_set_complete_fn(pipelined_.get(), on_complete);
  }

  Latency lone(std::chrono::milliseconds length) {
    return peers::lone_slice(length, numbers_, [&](const std::string& payload) {
      std::size_t size = 0;
      gearman_return_t got = GEARMAN_SUCCESS;
      void* answer =
          gearman_client_do(blocking_.get(), "echo", nullptr, payload.data(), payload.size(), &size, &got);
      const std::unique_ptr<void, decltype(&std::free)> owned(answer, &std::free);
      expect(gearman_success(got), gearman_strerror(got));
      return std::string(static_cast<const char*>(answer), size);
    });
  }

  double flood(std::uint64_t window, std::chrono::milliseconds length) {
    answered_ = 0;
    payloads_.resize(window);
    free_.clear();
    for (std::string& payload : payloads_) free_.push_back(&payload);
    Slice slice(length, 0);
    for (;;) {
      while (slice.items() - answered_ < window && slice.more()) add();
      if (slice.items() == answered_) return slice.rate();
      const gearman_return_t got = gearman_client_run_tasks(pipelined_.get());
      if (got == GEARMAN_IO_WAIT) {
        expect(gearman_success(gearman_client_wait(pipelined_.get())), "nothing comes back");
      } else {
        expect(gearman_success(got), gearman_strerror(got));
      }
    }
  }

 private:
  /// What is sent has to stay until it is answered: it is in one of the window's strings.
  struct Under {
    GearmanLoad* load;
    std::string* payload;
  };

  void add() {
    std::string* payload = free_.back();
    free_.pop_back();
    *payload = peers::payload_of(numbers_++);
    gearman_return_t got = GEARMAN_SUCCESS;
    gearman_client_add_task(pipelined_.get(), nullptr, new Under{this, payload}, "echo", nullptr,
                            payload->data(), payload->size(), &got);
    expect(gearman_success(got), gearman_strerror(got));
  }

  /// Called from C: what is wrong ends the program here.
  static gearman_return_t on_complete(gearman_task_st* task) {
    const std::unique_ptr<Under> under(static_cast<Under*>(gearman_task_context(task)));
    const std::string_view answer(static_cast<const char*>(gearman_task_data(task)),
                                  gearman_task_data_size(task));
    if (answer != *under->payload) {
      std::fputs("an answer is not what was sent\n", stderr);
      std::_Exit(EXIT_FAILURE);
    }
    under->load->free_.push_back(under->payload);
    ++under->load->answered_;
    return GEARMAN_SUCCESS;
  }

  std::uint64_t numbers_ = 0;
  std::uint64_t answered_ = 0;
  std::vector<std::string> payloads_;
  std::vector<std::string*> free_;
  Client blocking_;
  Client pipelined_;
};

int load(in_port_t port) {
  GearmanLoad gearman(port);
  return peers::drive([&](auto length) { return gearman.lone(length); },
                      [&](auto window, auto length) { return gearman.flood(window, length); });
}

}  // namespace

int main(int argc, char** argv) {
  return peers::run_driver([&] {
    expect(argc == 3, "usage: taskmesh_peer_gearmand worker|client PORT");
    const auto port = static_cast<in_port_t>(std::stoul(argv[2]));
    return std::string_view(argv[1]) == "worker" ? work(port) : load(port);
  });
}
