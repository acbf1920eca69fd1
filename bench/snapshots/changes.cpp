// bench-snapshots: what the change of one worker costs the loops and the registry, by how many
// workers and services there are.
//
// A real registry publishes to a data plane of two loops: each change is one worker's weight, the
// next begins when both loops go by it. Prints the CPU time of a change in microseconds, with the
// system calls that waking a loop takes; the same for a snapshot in which nothing changed is what
// of it is not the change. Then the memory of a loop's services that came and went.
#include <dirent.h>
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "common/base/clock.hpp"
#include "master/forward/plane/data_plane.hpp"
#include "master/registry/registry.hpp"

using namespace tandem;
using namespace tandem::master;

namespace {

constexpr unsigned loops = 2;
constexpr int rounds = 11;
constexpr int changes = 200;

struct Size {
  unsigned workers;
  unsigned services;
};
constexpr Size sizes[] = {{10, 1}, {1'000, 100}, {10'000, 1'000}, {10'000, 1}};

// CPU time of the threads whose names begin with `prefix`, in nanoseconds.
double cpu_ns(const std::string& prefix) {
  double sum = 0;
  const std::string tasks = "/proc/self/task/";
  auto* const directory = opendir(tasks.c_str());
  if (directory == nullptr) return 0;
  while (const auto* const entry = readdir(directory)) {
    const auto task = tasks + entry->d_name;
    std::string name;
    std::getline(std::ifstream(task + "/comm"), name);
    if (!name.starts_with(prefix)) continue;
    double ns = 0;
    std::ifstream(task + "/schedstat") >> ns;
    sum += ns;
  }
  closedir(directory);
  return sum;
}

// A registry, and loops that follow it.
class Scene {
 public:
  Scene() : plane_(options()), registry_({}, hooks()) {
    if (const auto started = plane_.start(); !started) {
      fmt::print(stderr, "{}\n", started.error().message);
      std::exit(1);
    }
  }

  void hear(unsigned worker, const std::string& service, unsigned weight) {
    wire::Heartbeat heartbeat;
    heartbeat.name = fmt::format("w{:05}", worker);
    heartbeat.incarnation = "first";
    heartbeat.service = service;
    heartbeat.address = {fmt::format("10.{}.{}.1", worker / 250, worker % 250), 9001};
    heartbeat.weight = weight;
    if (!registry_.heartbeat(heartbeat, heartbeat.address.host, now_)) std::exit(1);
  }
  void leave(const std::string& worker) { apply(RemoveWorker{worker}); }
  void add(const std::string& name, const std::string& service) {
    apply(AddWorker{{.name = name, .service = service, .address = {"10.0.0.1", 80}}});
  }
  void apply(const Change& change) {
    if (!registry_.apply(change, now_)) std::exit(1);
  }
  // Returns when both loops go by what there is, and what that cost the registry.
  Duration publish() {
    const auto began = now();
    registry_.publish();
    const auto took = now() - began;
    while (!plane_.has_adopted(latest_->version)) std::this_thread::yield();
    return took;
  }
  // The same snapshot, as a newer one.
  void publish_again() {
    auto again = std::make_shared<Snapshot>(*latest_);
    plane_.publish(std::move(again));
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }

 private:
  DataPlaneOptions options() {
    DataPlaneOptions options;
    options.listen = {{.endpoint = {"127.0.0.1", 0}}};
    options.threads = loops;
    options.gate = &gate_;
    options.report_failure = [](WorkerId, FailureKind) {};
    options.report_term = [](Term) {};
    return options;
  }
  RegistryHooks hooks() {
    return {.on_snapshot =
                [this](SnapshotPtr next) {
                  latest_ = next;
                  plane_.publish(std::move(next));
                },
            .on_change = [] {},
            .on_backend = {}};
  }

  Instant now_ = now();
  ServingGate gate_;
  SnapshotPtr latest_;
  DataPlane plane_;
  Registry registry_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Microseconds for each change: of a loop, of a loop when nothing changed, and of the registry with
// handing the snapshot over.
void measure(const Size& size) {
  Scene scene;
  const auto service_of = [&](unsigned worker) {
    return fmt::format("service-{:04}", worker % size.services);
  };
  for (unsigned i = 0; i < size.workers; ++i) scene.hear(i, service_of(i), 100);
  scene.publish();
  std::vector<double> of_loop, of_nothing, of_registry;
  unsigned weight = 100;
  for (int round = 0; round < rounds; ++round) {
    const auto before = cpu_ns("forward-");
    double registry_ns = 0;
    for (int i = 0; i < changes; ++i) {
      const auto worker = static_cast<unsigned>(i * 37) % size.workers;
      if (i == 0) ++weight;
      const auto began = now();
      scene.hear(worker, service_of(worker), 1 + (weight + static_cast<unsigned>(i)) % 900);
      const auto heard = now();
      registry_ns += static_cast<double>((heard - began + scene.publish()).count());
    }
    const auto between = cpu_ns("forward-");
    for (int i = 0; i < changes; ++i) scene.publish_again();
    of_loop.push_back((between - before) / changes / loops / 1'000);
    of_nothing.push_back((cpu_ns("forward-") - between) / changes / loops / 1'000);
    of_registry.push_back(registry_ns / changes / 1'000);
  }
  fmt::print("| {} in {} | {:.1f} | {:.1f} | {:.1f} |\n", size.workers, size.services,
             median(of_loop), median(of_nothing), median(of_registry));
}

std::size_t bytes_in_use() { return mallinfo2().uordblks; }

// Services with one worker each come, a hundred at a time, and go.
void come_and_go() {
  Scene scene;
  const auto round = [&](int number) {
    for (int i = 0; i < 100; ++i)
      scene.add(fmt::format("w{}", i), fmt::format("s{}-{}", number, i));
    scene.publish();
    for (int i = 0; i < 100; ++i) scene.leave(fmt::format("w{}", i));
    scene.publish();
  };
  for (int number = 0; number < 10; ++number) round(number);
  const auto before = bytes_in_use();
  for (int number = 10; number < 130; ++number) round(number);
  const auto after = bytes_in_use();
  fmt::print("\n12,000 services came and went: {} KiB kept\n",
             (static_cast<long>(after) - static_cast<long>(before)) / 1024);
}

}  // namespace

int main() {
  spdlog::set_level(spdlog::level::err);
  fmt::print(
      "| workers in services | a loop, µs | a loop when nothing changed, µs | the registry, µs |\n"
      "|---|---|---|---|\n");
  for (const auto& size : sizes) measure(size);
  come_and_go();
}
