#include "common/client/src/directory.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/token_file.hpp"
#include "common/client/src/call.hpp"
#include "common/wire/error_document.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/masters.hpp"
#include "common/wire/status.hpp"

namespace tandem::client {

namespace {

constexpr int ok = 200;
constexpr int not_found = 404;

Endpoint endpoint_of(const Masters& control) { return control.order().front()->endpoint(); }

// A host 0.0.0.0 or :: means the host that was asked.
void add_known(std::vector<Endpoint>& list, const std::string& address, const Endpoint& asked) {
  auto endpoint = parse_endpoint(address, "address");
  if (!endpoint.ok() || endpoint->port == 0) return;
  if (endpoint->is_unspecified()) endpoint->host = asked.host;
  if (std::find(list.begin(), list.end(), *endpoint) == list.end()) list.push_back(*endpoint);
}

std::string why(const ClientResult& result) {
  if (!result) return result.error().message;
  return fmt::format("{} {}", result->status, wire::error_message(result->body));
}

void note(std::string& tried, const Endpoint& endpoint, const std::string& what) {
  tried += fmt::format("{}{}: {}", tried.empty() ? "" : "; ", endpoint.to_string(), what);
}

}  // namespace

Directory::Directory(std::vector<Endpoint> told, std::string token)
    : told_(std::move(told)),
      fields_(token.empty() ? std::string() : fmt::format("Authorization: {}\r\n", bearer(token))) {
  learn({});
}

bool Directory::is_empty() const { return told_.empty(); }

std::vector<Directory::Control> Directory::order() const {
  const Lock lock(mutex_);
  return controls_;
}

void Directory::goes_first(const Control& control) {
  const Lock lock(mutex_);
  const auto found = std::find(controls_.begin(), controls_.end(), control);
  if (found != controls_.end()) std::rotate(controls_.begin(), found, controls_.end());
}

void Directory::learn(const std::vector<Endpoint>& controls) {
  auto all = controls;
  for (const auto& endpoint : told_) {
    if (std::find(all.begin(), all.end(), endpoint) == all.end()) all.push_back(endpoint);
  }
  const Lock lock(mutex_);
  std::vector<Control> known;
  for (const auto& endpoint : all) {
    const auto same = std::find_if(controls_.begin(), controls_.end(), [&](const auto& control) {
      return endpoint_of(*control) == endpoint;
    });
    known.push_back(same != controls_.end() ? *same
                                            : std::make_shared<Masters>(std::vector{endpoint}));
  }
  controls_ = std::move(known);
}

ClientResult Directory::ask(const Control& control, const std::string& path,
                            Duration timeout) const {
  Outgoing request;
  request.method = "GET";
  request.target = path;
  request.fields = fields_;
  request.repeatable = true;
  Call call(*control, request,
            {.deadline = timeout,
             .probe_after = Duration::zero(),
             .connect = timeout,
             .body_bytes_max = limits::status_bytes_max,
             .once = true});
  return call.run();
}

Result<std::vector<Endpoint>> Directory::client_addresses(Duration timeout) {
  std::string tried;
  for (const auto& control : order()) {
    const auto asked = endpoint_of(*control);
    const auto answer = ask(control, "/v1/masters", timeout);
    if (!answer || answer->status != ok) {
      note(tried, asked, why(answer));
      continue;
    }
    const auto masters = wire::parse_masters(answer->body);
    if (!masters.ok()) {
      note(tried, asked, masters.error().message);
      continue;
    }
    std::vector<Endpoint> controls;
    std::vector<Endpoint> clients;
    for (const auto& master : masters->masters) {
      add_known(controls, master.control, asked);
      add_known(clients, master.listen, asked);
    }
    learn(controls);
    return clients;
  }
  return fail(ErrorCode::unavailable, fmt::format("no master says who the masters are: {}", tried));
}

Result<ServiceView> Directory::service_at(const Control& control, const std::string& name,
                                          Duration timeout) const {
  const auto answer = ask(control, "/v1/services/" + name, timeout);
  ServiceView view{name, {}, endpoint_of(*control).to_string()};
  if (answer && answer->status == not_found) return view;
  if (!answer || answer->status != ok) return fail(ErrorCode::unavailable, why(answer));
  const auto service = wire::parse_service(answer->body);
  if (!service.ok()) return service.error();
  for (const auto& worker : service->instances) {
    view.workers.push_back({worker.name, worker.address, worker.weight});
  }
  std::sort(view.workers.begin(), view.workers.end(),
            [](const ServiceWorker& a, const ServiceWorker& b) { return a.name < b.name; });
  return view;
}

Result<ServiceView> Directory::service(const std::string& name, Duration timeout) {
  std::string tried;
  std::vector<Control> standbys;
  for (const auto& control : order()) {
    const auto role = ask(control, "/primary", timeout);
    if (!role) {
      note(tried, endpoint_of(*control), why(role));
    } else if (role->status != ok) {
      standbys.push_back(control);
    } else {
      auto view = service_at(control, name, timeout);
      if (!view.ok()) return view;
      goes_first(control);
      return view;
    }
  }
  for (const auto& control : standbys) {
    auto view = service_at(control, name, timeout);
    if (view.ok()) return view;
    note(tried, endpoint_of(*control), view.error().message);
  }
  return fail(ErrorCode::unavailable,
              fmt::format("no master can be asked for {}: {}", name, tried));
}

}  // namespace tandem::client
