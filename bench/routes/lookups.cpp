// bench-routes: what finding the route of a request costs, by the number of routes.
//
// Routes have one to eight segments, and half as many as there are routes a host each when there
// are hosts. Requests have eight: those that match go on below the prefix of a route, those that do
// not share their beginning with one. Prints nanoseconds per look-up and the ratio of the last
// column to the first; medians of rounds in which the sizes take turns. Then what one change costs,
// and making the table anew.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <string>
#include <vector>

#include "common/base/splitmix64.hpp"
#include "master/registry/route_table.hpp"

using namespace tandem;
using namespace tandem::master;

namespace {

constexpr std::size_t sizes[] = {10, 100, 1'000, 10'000};
constexpr int rounds = 31;
constexpr std::size_t requests = 1'024;
constexpr int passes = 20;
constexpr unsigned segments_max = 8;

struct Request {
  std::string host;
  std::string path;
};

struct Scene {
  Routes routes;
  RouteTable table;
  std::vector<Request> matching;
  std::vector<Request> strange;
};

std::string segment(std::uint64_t number) { return "/part" + std::to_string(number); }

unsigned depth(const std::string& path) {
  return static_cast<unsigned>(std::count(path.begin(), path.end(), '/'));
}

Scene scene_of(std::size_t count, bool hosts) {
  SplitMix64 chance(7);
  Scene scene;
  while (scene.routes.size() < count) {
    wire::Route route;
    route.service = "shop";
    if (hosts) route.host = "host" + std::to_string(chance.below(count / 2)) + ".example";
    route.prefix.clear();
    for (auto left = 1 + chance.below(segments_max); left > 0; --left) {
      route.prefix += segment(chance.below(1'000));
    }
    scene.routes.emplace(RouteKey{route.host, route.prefix}, route);
  }
  scene.table = RouteTable(scene.routes);
  for (std::size_t i = 0; i < requests; ++i) {
    const auto& route =
        std::next(scene.routes.begin(), static_cast<std::ptrdiff_t>(chance.below(count)))->second;
    auto path = route.prefix;
    while (depth(path) < segments_max) path += segment(chance.below(1'000));
    const std::string host = hosts ? route.host : "www.example";
    scene.matching.push_back({host, path});
    path.insert(path.find('/', 1) == path.npos ? path.size() : path.find('/', 1), "x");
    scene.strange.push_back({host, path});
  }
  return scene;
}

template <class Function>
double nanoseconds(std::size_t times, Function function) {
  const auto began = std::chrono::steady_clock::now();
  function();
  const auto took = std::chrono::steady_clock::now() - began;
  return std::chrono::duration<double, std::nano>(took).count() / static_cast<double>(times);
}

double per_lookup(const RouteTable& table, const std::vector<Request>& asked, bool matches) {
  std::size_t found = 0;
  const auto ns = nanoseconds(passes * asked.size(), [&] {
    for (int pass = 0; pass < passes; ++pass) {
      for (const auto& request : asked) found += table.find(request.host, request.path) != nullptr;
    }
  });
  if (matches && found != passes * asked.size()) std::fputs("a route was not found\n", stderr);
  return ns;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void print_row(const char* name, const std::vector<std::vector<double>>& rounds_of_sizes) {
  std::printf("| %s |", name);
  std::vector<double> medians;
  for (const auto& of_size : rounds_of_sizes) medians.push_back(median(of_size));
  for (const double value : medians) std::printf(" %.0f |", value);
  std::printf(" %.2f |\n", medians.back() / medians.front());
}

using Measure = double (*)(const Scene&);

void measure(const char* name, const std::vector<Scene>& scenes, Measure once) {
  std::vector<std::vector<double>> results(scenes.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < scenes.size(); ++i) results[i].push_back(once(scenes[i]));
  }
  print_row(name, results);
}

double change_ns(const Scene& scene) {
  RouteTable table = scene.table;
  wire::Route route;
  route.prefix = "/new";
  route.service = "shop";
  return nanoseconds(2 * passes, [&] {
    for (int i = 0; i < passes; ++i) {
      table = table.with(route);
      table = table.without({"", "/new"});
    }
  });
}

double rebuild_ns(const Scene& scene) {
  return nanoseconds(1, [&] { RouteTable table(scene.routes); });
}

}  // namespace

int main() {
  std::printf("| ns | 10 | 100 | 1,000 | 10,000 | 10,000 / 10 |\n|---|---|---|---|---|---|\n");
  for (const bool hosts : {false, true}) {
    std::vector<Scene> scenes;
    for (const auto size : sizes) scenes.push_back(scene_of(size, hosts));
    const auto name = [hosts](const char* what) {
      return std::string(what) + (hosts ? ", with hosts" : "");
    };
    measure(name("look-up that matches").c_str(), scenes,
            [](const Scene& scene) { return per_lookup(scene.table, scene.matching, true); });
    measure(name("look-up that does not").c_str(), scenes,
            [](const Scene& scene) { return per_lookup(scene.table, scene.strange, false); });
    if (hosts) continue;
    measure("one change", scenes, change_ns);
    measure("the table made anew", scenes, rebuild_ns);
  }
}
