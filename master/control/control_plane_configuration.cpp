// The part of ControlPlane that is configured: backends, routes and settings of services, at the
// start and again when an operator has changed them.
#include <future>

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/base/name.hpp"
#include "master/control/control_plane_credentials.hpp"
#include "master/control/control_plane_parts.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

// A --backend in the form that the registry expects. Its host may be a name.
Result<> check(const wire::WorkerSpec& backend, const OwnAddresses& own) {
  if (backend.address.port == 0 || backend.address.is_unspecified()) {
    return invalid(fmt::format("--backend {} is no address that can be connected to",
                               backend.address.to_string()),
                   "--backend");
  }
  if (auto name = parse_name(backend.name, "--backend"); !name) return name.error();
  if (!backend.address.is_numeric()) return {};
  const auto free = own.check(backend.address);
  if (free) return {};
  return invalid(fmt::format("--backend: {}", free.error().message), "--backend");
}

}  // namespace

Result<> check_configured(const ControlPlaneOptions& options) {
  OwnAddresses own(options.worker_networks);
  std::vector<OwnAddress> addresses;
  const auto add = [&](std::string what, const Endpoint& address) {
    addresses.push_back({std::move(what), address, address.is_unspecified()});
  };
  add("the control address of " + options.node, options.control);
  if (options.listen) add("the client address of " + options.node, *options.listen);
  own.set(std::move(addresses));
  for (const auto& backend : options.backends) {
    if (auto checked = check(backend, own); !checked) return checked;
  }
  const Registry nobody(
      {.heartbeat_interval = options.worker_heartbeat},
      {.on_snapshot = [](const SnapshotPtr&) {}, .on_change = [] {}, .on_backend = {}});
  return nobody.check_configured({options.backends, options.routes, options.services});
}

struct ControlPlane::Renewal {
  ControlPlaneOptions options;
  Secrets secrets;
  tandem::tls::CredentialsPtr credentials;  // null: there are none
};

Result<Registry::Configured> ControlPlane::Parts::configured(
    const ControlPlaneOptions& options) const {
  for (const auto& backend : options.backends) {
    if (auto checked = check(backend, own_addresses); !checked) return checked.error();
  }
  return Registry::Configured{options.backends, options.routes, options.services};
}

// Configured workers take precedence over those added through the API.
Result<> ControlPlane::Parts::configure(const ControlPlaneOptions& options) {
  note_addresses();
  const auto wanted = configured(options);
  if (!wanted) return wanted.error();
  if (auto done = registry.reconfigure(*wanted, now()); !done) return done;
  look_up(options.backends);
  return {};
}

// Those that are names, and no others any more.
void ControlPlane::Parts::look_up(const std::vector<wire::WorkerSpec>& backends) {
  std::map<std::string, Endpoint> names;
  for (const auto& each : backends) {
    if (!each.address.is_numeric()) names.emplace(each.name, each.address);
  }
  std::erase_if(looked_up, [&](const auto& known) {
    const auto& [name, watched] = known;
    const auto wanted = names.find(name);
    const bool stays = wanted != names.end() && wanted->second == watched.first;
    if (!stays) lookups.forget(watched.second);
    return !stays;
  });
  for (const auto& [name, address] : names) {
    if (looked_up.contains(name)) continue;
    const auto watch = lookups.watch(
        address, [this, name = name, address = address](const NameLookups::Found& found) {
          asio::post(loop, [this, name, address, found] {
            const auto watched = looked_up.find(name);
            const bool is_ours = watched != looked_up.end() && watched->second.first == address;
            if (!closed && is_ours) registry.take_addresses(name, without_own(found));
          });
        });
    looked_up.emplace(name, std::pair(address, watch));
  }
}

// The current addresses, because masters join and leave.
NameLookups::Found ControlPlane::Parts::without_own(const NameLookups::Found& found) const {
  if (!found) return found;
  std::vector<Endpoint> others;
  Result<> last;
  for (const auto& address : *found) {
    if (const auto free = own_addresses.check(address); free) {
      others.push_back(address);
    } else {
      last = free;
    }
  }
  if (others.empty()) return last.error();
  return others;
}

// ---- while it serves

Result<std::shared_ptr<const ControlPlane::Renewal>> ControlPlane::prepare(
    const ControlPlaneOptions& options, ReloadMode mode) const {
  const bool is_told = mode == ReloadMode::apply;
  auto renewal = std::make_shared<Renewal>();
  renewal->options = options;
  if (parts_->credentials) {
    const auto before = parts_->credentials->get();
    // Nothing is won by one that nobody accepts, unless nobody accepts the one before either.
    const bool is_over = !before->why_out_of_time(access::wall_time()).empty();
    auto loaded = load_cluster_credentials(
        options, is_over ? tls::OutOfTime::accepted : tls::OutOfTime::refused);
    if (loaded && (*loaded)->identity().cluster != before->identity().cluster) {
      loaded = invalid(fmt::format("--cluster-cert: {} is of another cluster than before, {}",
                                   (*loaded)->identity().id(), before->identity().cluster));
    }
    if (!loaded) {
      if (is_told) {
        log::error("the certificates of the cluster stay as they were reason=\"{}\"",
                   loaded.error().message);
      }
      return loaded.error();
    }
    renewal->credentials = std::move(*loaded);
  }
  auto secrets = read_secrets(options);
  if (!secrets) {
    if (is_told) log::error("the tokens stay as they were reason=\"{}\"", secrets.error().message);
    return secrets.error();
  }
  renewal->secrets = std::move(*secrets);
  return std::shared_ptr<const Renewal>(std::move(renewal));
}

Result<> ControlPlane::adopt(std::shared_ptr<const Renewal> renewal) {
  std::promise<Result<>> outcome;
  auto awaited = outcome.get_future();
  asio::post(parts_->loop, [parts = parts_.get(), renewal = std::move(renewal), &outcome] {
    outcome.set_value(parts->adopt(*renewal));
  });
  return awaited.get();
}

Result<> ControlPlane::Parts::adopt(const Renewal& renewal) {
  if (closed) return fail(ErrorCode::unavailable, "this master is about to end");
  const auto& options = renewal.options;
  const auto wanted = configured(options);
  if (!wanted) return wanted.error();
  const auto opened = open_control(options);
  if (!opened) return opened.error();
  if (auto done = registry.reconfigure(*wanted, now()); !done) return done;
  move_control(*opened, options);
  look_up(options.backends);
  discovered->set(options.sources, now());
  published->set(options.publications);
  registry.set_forget_after(options.forget_after);
  registry.set_heartbeat_interval(options.worker_heartbeat, now());
  registry.reload_tls();
  own_addresses.set_networks(options.worker_networks);
  standby_serves = options.standby_serves;
  member->set_serves(options.serves_under_grants);
  role_hooks.set_commands({.on_promote = options.on_promote, .on_demote = options.on_demote});
  if (renewal.credentials) {
    certificate_file = options.cluster_files.certificate;
    use_credentials(renewal.credentials);
  }
  use_secrets(renewal);
  return {};
}

void ControlPlane::Parts::use_secrets(const Renewal& renewal) {
  const bool had_some = access.asks_for_tokens();
  const auto& all = renewal.secrets.credentials;
  if (!had_some && all == nullptr) return;
  member->set_shares_token(renewal.options.tokens_file.empty());
  take(renewal.secrets);
  log::info("tokens read again entries={}", all == nullptr ? 0 : all->all().size());
}

}  // namespace tandem::master
