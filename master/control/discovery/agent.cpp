#include "master/control/discovery/agent.hpp"

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/base/printable.hpp"
#include "common/http/api_response.hpp"
#include "common/wire/heartbeat.hpp"
#include "master/control/discovery/consul_documents.hpp"
#include "master/control/discovery/consul_registration.hpp"
#include "master/control/discovery/registered_place.hpp"
#include "master/control/discovery/registrations_file.hpp"
#include "master/control/discovery/limits.hpp"
#include "master/control/query.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

constexpr int keep_pauses = 9;  // between two writings, in times that the last one took to make

ControlResponse done() { return {.status = 200, .body = {}, .trusts = true}; }

// What clients send whatever they ask; and what the endpoint knows.
Result<QueryParameters> parameters_of(std::string_view query) {
  return parse_query(query, {"replace-existing-checks", "note", "dc", "ns", "partition", "token",
                             "pretty", "stale", "consistent", "filter"});
}

std::string value_of(const QueryParameters& parameters, const char* name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string() : found->second;
}

}  // namespace

Agent::Agent(Sources sources)
    : sources_(std::move(sources)),
      registrations_(sources_.node),
      workers_(sources_.loop, sources_.registry, registrations_,
               [this](const Endpoint& address) {
                 return sources_.own_addresses.check_newcomer(address);
               }),
      sharing_({.loop = sources_.loop,
                .calls = sources_.calls,
                .registrations = registrations_,
                .node = sources_.node,
                .others = sources_.others,
                .token = sources_.token,
                .on_news = [this](const std::string& id, Extent extent) {
                  workers_.refresh(id, now());
                  if (extent == Extent::whole) note_change();
                }}) {}

void Agent::open(Instant now) {
  if (sources_.data_dir.empty()) return;
  auto kept = load_registrations(sources_.data_dir, now);
  if (!kept) {
    if (kept.error().code != ErrorCode::not_found) {
      log::warn("registrations not read reason=\"{}\"", kept.error().message);
    }
    return;
  }
  for (auto& registration : *kept) registrations_.take(std::move(registration), now);
  version_kept_ = version_told_ = registrations_.version();
  log::info("registrations read count={}", registrations_.size());
}

// ---- services

std::string Agent::owner_of(const ControlRequest& request) const {
  const bool is_asked = request.caller != nullptr && sources_.access.knows_callers();
  return is_asked ? request.caller->name : std::string();
}

std::optional<ControlResponse> Agent::refuse_place(const ControlRequest& request,
                                                   const Registration& made) {
  wire::Heartbeat claim;
  claim.name = made.worker;
  claim.service = made.service;
  claim.address = made.address;
  if (auto outside = sources_.access.check_worker(request, claim, made.address)) return outside;
  const auto alone = all_of_this_machine(sources_.others());
  if (auto fits = check_registered_host(made.address.host, request.peer, alone); !fits) {
    return refusal(fits.error());
  }
  if (auto free = sources_.own_addresses.check_newcomer(made.address); !free) {
    return refusal(free.error());
  }
  for (const auto& check : made.checks) {
    if (!check.probe) continue;
    const Endpoint asked{made.address.host, check.probe->port};
    if (auto free = sources_.own_addresses.check(asked); !free) return refusal(free.error());
  }
  return std::nullopt;
}

Agent::Answer Agent::register_service(const ControlRequest& request, std::string query) {
  const auto parameters = parameters_of(query);
  if (!parameters) co_return refusal(parameters.error());
  auto made = read_consul_service(request.body, request.peer);
  if (!made) co_return refusal(made.error());
  made->owner = owner_of(request);
  if (auto refused = refuse_place(request, *made)) co_return std::move(*refused);
  const auto replaces = value_of(*parameters, "replace-existing-checks");
  const auto others = replaces.empty() || replaces == "false" || replaces == "0"
                          ? Registrations::Others::keep
                          : Registrations::Others::replace;
  const auto id = made->id;
  const auto instant = now();
  const auto* known = registrations_.find(id);
  const auto before = known == nullptr ? std::nullopt : std::optional(*known);
  const auto version = registrations_.version();
  const auto service = made->service;
  if (const auto put = registrations_.put(std::move(*made), others, instant); !put) {
    co_return refusal(put.error());
  }
  if (const auto followed = workers_.follow(id, instant); !followed) {
    const bool is_gone = registrations_.find(id) == nullptr;
    if (!is_gone && registrations_.version() != version) registrations_.undo(id, before);
    if (!is_gone) workers_.refresh(id, instant);  // it goes on as it was before
    if (is_gone) sharing_.changed(id, Extent::whole);
    co_return refusal(followed.error());
  }
  if (registrations_.version() == version) co_return done();
  log::info("service registered id=\"{}\" service={} owner={} from={}", printable(id), service,
            registrations_.find(id)->owner, request.peer);
  auto sharing = changed(id);
  co_return co_await std::move(sharing);
}

Agent::Answer Agent::deregister_service(const ControlRequest& request, std::string id) {
  const auto instant = now();
  if (auto removed = registrations_.remove(id, owner_of(request), instant); !removed) {
    co_return refusal(removed.error());
  }
  workers_.refresh(id, instant);
  log::info("service deregistered id=\"{}\" from={}", printable(id), request.peer);
  auto sharing = changed(id);
  co_return co_await std::move(sharing);
}

// ---- checks

Agent::Answer Agent::register_check(const ControlRequest& request) {
  const auto id = read_consul_service_id(request.body);
  if (!id) co_return refusal(id.error());
  const auto* registration = registrations_.find(*id);
  if (registration == nullptr) {
    co_return refusal(fail(ErrorCode::not_found, "ServiceID: nothing is registered by it", "ID"));
  }
  auto check = read_consul_check(request.body, registration->address.host);
  if (!check) co_return refusal(check.error());
  if (check->probe) {
    const Endpoint asked{registration->address.host, check->probe->port};
    if (auto free = sources_.own_addresses.check(asked); !free) co_return refusal(free.error());
  }
  const auto instant = now();
  const auto added = registrations_.add_check(*id, owner_of(request), std::move(*check), instant);
  if (!added) co_return refusal(added.error());
  workers_.refresh(*id, instant);
  auto sharing = changed(*id);
  co_return co_await std::move(sharing);
}

Agent::Answer Agent::deregister_check(const ControlRequest& request, std::string id) {
  const auto* registration = registrations_.of_check(id);
  const auto service = registration == nullptr ? std::string() : registration->id;
  if (auto removed = registrations_.remove_check(id, owner_of(request)); !removed) {
    co_return refusal(removed.error());
  }
  workers_.refresh(service, now());
  auto sharing = changed(service);
  co_return co_await std::move(sharing);
}

ControlResponse Agent::report(const ControlRequest& request, std::string_view id,
                              CheckStatus status, std::string output) {
  const auto instant = now();
  const auto reported =
      registrations_.report(id, owner_of(request), status, cut_output(std::move(output)), instant);
  if (!reported) return refusal(reported.error());
  sharing_.changed(*reported, Extent::reports);
  note_change();
  // It says that it lives, even if it cannot be a worker where it is: its document says why.
  const auto followed = workers_.follow(*reported, instant);
  if (!followed && followed.error().code == ErrorCode::not_found) {
    sharing_.changed(*reported, Extent::whole);
    note_change();
    return refusal(followed.error());
  }
  return done();
}

ControlResponse Agent::update(const ControlRequest& request, std::string_view id) {
  auto said = read_consul_report(request.body);
  if (!said) return refusal(said.error());
  return report(request, id, said->status, std::move(said->output));
}

// ---- what follows a change

void Agent::note_change() {
  if (version_told_ == registrations_.version()) return;
  version_told_ = registrations_.version();
  sources_.queries.notify_of_more();
  keep_soon();
}

Agent::Answer Agent::changed(std::string id) {
  sharing_.changed(id, Extent::whole);
  note_change();
  auto keeping = kept();
  co_await std::move(keeping);
  auto sharing = sharing_.shared(std::move(id));
  co_await std::move(sharing);
  co_return done();
}

void Agent::drop_overdue(Instant now) {
  for (const auto& id : registrations_.overdue(now)) {
    log::info("service deregistered id=\"{}\" reason=\"critical for too long\"", printable(id));
    registrations_.drop(id, now);
    workers_.refresh(id, now);
    sharing_.changed(id, Extent::whole);
  }
}

void Agent::tick(Instant now) {
  for (const auto& id : workers_.tick(now)) sharing_.changed(id, Extent::whole);
  sharing_.tick(now);
  if (now >= second_ + 1s) {
    second_ = now;
    // A master that is cut off hears no reports, and must not decide by that.
    if (sources_.leads()) drop_overdue(now);
    registrations_.forget(now);
    if (!could_keep_) keep_soon();
  }
  note_change();
}

void Agent::stop() {
  stopped_ = true;
  sharing_.stop();
  workers_.stop();
  for (auto* const each : waiting_) each->cancel();
}

// ---- the file

void Agent::keep_soon() {
  if (sources_.data_dir.empty() || is_keeping_ || stopped_) return;
  is_keeping_ = true;
  asio::co_spawn(sources_.loop, keep(), asio::detached);
}

asio::awaitable<void> Agent::keep() {
  while (!stopped_ && version_kept_ != registrations_.version()) {
    asio::steady_timer timer(sources_.loop, keep_not_before_);
    waiting_.insert(&timer);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    waiting_.erase(&timer);
    const auto begin = std::chrono::steady_clock::now();
    const auto version = registrations_.version();
    auto text = text_of(registrations_, now());
    keep_not_before_ = begin + (keep_pauses + 1) * (std::chrono::steady_clock::now() - begin);
    auto writing = asio::co_spawn(
        sources_.disk,
        [directory = sources_.data_dir, text = std::move(text)]() -> asio::awaitable<Result<>> {
          co_return store_registrations(directory, text);
        },
        asio::use_awaitable);
    const auto written = co_await std::move(writing);
    if (!written && could_keep_) {
      log::warn("registrations not kept reason=\"{}\"", written.error().message);
    }
    could_keep_ = written.ok();
    if (!could_keep_) break;
    version_kept_ = version;
  }
  is_keeping_ = false;
  for (auto* const each : waiting_) each->cancel();
}

asio::awaitable<void> Agent::kept() {
  const auto version = registrations_.version();
  const auto end = std::chrono::steady_clock::now() + limits::registrations_shared_max;
  while (is_keeping_ && version_kept_ < version && std::chrono::steady_clock::now() < end) {
    asio::steady_timer timer(sources_.loop, end);
    waiting_.insert(&timer);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    waiting_.erase(&timer);
  }
}

// ---- routes

void Agent::route_writing(ApiRouter& router) {
  const auto add = [&](std::string_view path, auto handler) {
    router.add({.method = "PUT",
                .path = path,
                .access = ApiEndpoint::Access::worker,
                .handler = [handler](const ControlRequest& request, const std::string& id) {
                  return handler(request, id);
                }});
  };
  add("/v1/agent/service/register", [this](const ControlRequest& request, const std::string&) {
    return register_service(request, std::string(request.query));
  });
  add("/v1/agent/service/deregister/{id}",
      [this](const ControlRequest& request, const std::string& id) {
        return deregister_service(request, id);
      });
  add("/v1/agent/check/register", [this](const ControlRequest& request, const std::string&) {
    return register_check(request);
  });
  add("/v1/agent/check/deregister/{id}",
      [this](const ControlRequest& request, const std::string& id) {
        return deregister_check(request, id);
      });
  const auto add_report = [&](std::string_view path, CheckStatus status) {
    add(path, [this, status](const ControlRequest& request, const std::string& id) {
      const auto parameters = parameters_of(request.query);
      if (!parameters) return refusal(parameters.error());
      return report(request, id, status, value_of(*parameters, "note"));
    });
  };
  add_report("/v1/agent/check/pass/{id}", CheckStatus::passing);
  add_report("/v1/agent/check/warn/{id}", CheckStatus::warning);
  add_report("/v1/agent/check/fail/{id}", CheckStatus::critical);
  add("/v1/agent/check/update/{id}",
      [this](const ControlRequest& request, const std::string& id) { return update(request, id); });
  router.add({.method = "POST",
              .path = registrations_path,
              .access = ApiEndpoint::Access::master,
              .handler = [this](const ControlRequest& request, const std::string&) {
                return sharing_.answer(request);
              }});
}

void Agent::route_reading(ApiRouter& router) {
  const auto add = [&](std::string_view path, auto tell) {
    router.add({.method = "GET",
                .path = path,
                .access = ApiEndpoint::Access::viewer_or_worker,
                .handler = [tell](const ControlRequest& request, const std::string&) {
                  return document(tell(request));
                }});
  };
  // Workers see what is their own.
  const auto of = [this](const ControlRequest& request) {
    const bool sees_all =
        request.caller == nullptr || access::includes(request.caller->role, access::Role::viewer);
    return RegistrationsSeen{.registrations = registrations_,
                             .workers = workers_,
                             .owner = sees_all ? std::nullopt : std::optional(owner_of(request)),
                             .now = now()};
  };
  add("/v1/agent/self", [this](const ControlRequest&) { return consul_self(sources_.node); });
  add("/v1/agent/services",
      [of](const ControlRequest& request) { return consul_agent_services(of(request)); });
  add("/v1/agent/checks", [this, of](const ControlRequest& request) {
    return consul_agent_checks(of(request), sources_.node);
  });
  add("/v1/status/leader",
      [this](const ControlRequest&) { return fmt::format("\"{}\"", sources_.primary()); });
}

void Agent::route(ApiRouter& router) {
  route_writing(router);
  route_reading(router);
}

}  // namespace tandem::master
