#include "master/control/known_masters.hpp"

#include <charconv>
#include <thread>

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/wire/masters.hpp"
#include "master/cluster/masters_file.hpp"
#include "master/control/control_plane.hpp"
#include "master/control/pass_on.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

constexpr Duration patience = 10s;
constexpr Duration pause = 200ms;
constexpr Duration answer_max = 2s;

// An optional, because co_spawn() needs a result type that is default-constructible.
asio::awaitable<std::optional<Result<ControlResponse>>> get(HttpCalls& calls, Endpoint master,
                                                            const ControlRequest& request,
                                                            const std::string& token) {
  auto asking = pass_on(calls, std::move(master), request, token, answer_max);
  co_return co_await std::move(asking);
}

Result<wire::Masters> ask(const Endpoint& named, const std::string& token,
                          const tandem::tls::CurrentCredentialsPtr& credentials) {
  const auto master = resolve(named, "--join");
  if (!master) return master.error();
  asio::io_context loop(1);
  HttpCalls calls(loop);
  calls.set_credentials(credentials);
  ControlRequest request;
  request.method = "GET";
  request.path = "/v1/masters";
  auto answer = asio::co_spawn(loop, get(calls, *master, request, token), asio::use_future);
  loop.run();
  auto response = *answer.get();
  if (!response) return response.error();
  if (response->status != 200) {
    return fail(ErrorCode::unavailable,
                fmt::format("status {}: {}", response->status, response->body.substr(0, 256)));
  }
  auto masters = wire::parse_masters(response->body);
  if (!masters) return masters.error();
  if (masters->cluster.empty()) {
    return fail(ErrorCode::unavailable, fmt::format("{} knows no cluster yet", masters->node));
  }
  return masters;
}

core::ClusterId id_of(const std::string& text) {
  std::uint64_t id = 0;
  std::from_chars(text.data(), text.data() + text.size(), id);
  return core::ClusterId(id);
}

using Addresses = std::map<core::NodeId, Endpoint>;

// A master that is bound to all addresses (0.0.0.0) has the address in `given`, or the one from
// which it will be heard.
Addresses others_of(const wire::Masters& masters, const std::string& self, const Addresses& given) {
  Addresses others;
  for (const auto& master : masters.masters) {
    const core::NodeId node(master.name);
    auto control = parse_endpoint(master.control, "control");
    if (master.name == self || !control || control->port == 0) continue;
    const auto found = given.find(node);
    const bool is_elsewhere = control->is_unspecified() && found != given.end();
    others.emplace(node, is_elsewhere ? found->second : *control);
  }
  return others;
}

std::string listed(const Addresses& masters) {
  std::string text;
  for (const auto& [name, control] : masters) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, control.to_string());
  }
  return text.empty() ? "none" : text;
}

KnownMasters from_directory(const ControlPlaneOptions& options, const wire::Masters& kept) {
  KnownMasters known{.others = others_of(kept, options.node, options.peers)};
  if (!options.peers.empty() && options.peers != known.others) {
    log::warn("--peer is ignored, the masters are in the log flags=\"{}\" log=\"{}\"",
              listed(options.peers), listed(known.others));
  }
  if (options.join) {
    log::info("--join is no longer needed, the masters are known masters=\"{}\"",
              listed(known.others));
  }
  return known;
}

// A master that the cluster has, and not the flags.
Result<KnownMasters> checked(const ControlPlaneOptions& options, KnownMasters known) {
  for (const auto& [name, address] : known.others) {
    if (address.is_unspecified()) continue;  // where it is heard from
    const auto what = fmt::format("the master {} at {}", name, address.to_string());
    auto clear =
        tandem::tls::check_clear_text(options.clear_text(), address, what, "--insecure-network");
    if (!clear) return clear.error();
  }
  return known;
}

}  // namespace

Result<KnownMasters> known_masters(const ControlPlaneOptions& options, const std::string& token,
                                   const tandem::tls::CurrentCredentialsPtr& credentials) {
  if (!options.data_dir.empty()) {
    const auto kept = load_masters(options.data_dir);
    if (!kept && kept.error().code != ErrorCode::not_found) {
      log::warn(
          "the stored list of masters cannot be used, the flags are used instead reason=\"{}\"",
          kept.error().message);
    }
    const bool asks = kept && options.join;
    const auto there =
        asks ? ask(*options.join, token, credentials) : Result<wire::Masters>(wire::Masters{});
    if (asks && there && there->cluster != kept->cluster) {
      return invalid(
          fmt::format("{} belongs to cluster {}, but --join leads to cluster {}: give {} "
                      "an empty directory",
                      options.data_dir, kept->cluster, there->cluster, options.node),
          "--join");
    }
    if (kept) return checked(options, from_directory(options, *kept));
  }
  if (!options.join) return KnownMasters{.others = options.peers};
  const auto deadline = now() + patience;
  for (;;) {
    auto masters = ask(*options.join, token, credentials);
    if (masters) {
      const Addresses asked{{core::NodeId(masters->node), *options.join}};
      KnownMasters known{.others = others_of(*masters, options.node, asked),
                         .joins = id_of(masters->cluster)};
      log::info("joins cluster={} masters=\"{}\"", known.joins, listed(known.others));
      return checked(options, std::move(known));
    }
    if (now() >= deadline) {
      return fail(ErrorCode::unavailable,
                  fmt::format("--join {}: {}", options.join->to_string(), masters.error().message),
                  "--join");
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace tandem::master
