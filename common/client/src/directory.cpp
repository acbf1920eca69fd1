#include "common/client/src/directory.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/token_file.hpp"
#include "common/tls/member_files.hpp"
#include "common/wire/error_document.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/masters.hpp"
#include "common/wire/status.hpp"

namespace tandem::client {

namespace {

constexpr unsigned ok = 200;
constexpr unsigned not_found = 404;

// A host 0.0.0.0 or :: means the host that was asked.
void add_known(std::vector<Endpoint>& list, const std::string& address, const Endpoint& asked) {
  auto endpoint = parse_endpoint(address, "address");
  if (!endpoint.ok() || endpoint->port == 0) return;
  if (endpoint->is_unspecified()) endpoint->host = asked.host;
  if (std::find(list.begin(), list.end(), *endpoint) == list.end()) list.push_back(*endpoint);
}

std::string why(const HttpOutcome& outcome) {
  if (!outcome.answered()) return outcome.why;
  const auto& answer = outcome.answer;
  return fmt::format("{} {}", answer.status, wire::error_message(answer.body));
}

bool is_ok(const HttpOutcome& outcome) { return outcome.answered() && outcome.answer.status == ok; }

void note(std::string& tried, const Endpoint& endpoint, const std::string& what) {
  tried += fmt::format("{}{}: {}", tried.empty() ? "" : "; ", endpoint.to_string(), what);
}

}  // namespace

Directory::Directory(std::vector<Endpoint> told, const ClientOptions& options)
    : told_(std::move(told)),
      token_(options.token),
      token_file_(options.token_file),
      files_(options.cluster),
      clear_text_(options.insecure_network ? tls::ClearText::everywhere
                                           : tls::ClearText::on_this_machine) {}

Result<> Directory::read_secrets() {
  auto token = token_;
  if (!token_file_.empty()) {
    auto read = read_token_file(token_file_, "token_file");
    if (!read) return read.error();
    token = std::move(*read);
  }
  auto credentials = tls::load_if_given(files_);
  if (!credentials) return credentials.error();
  if (*credentials == nullptr && !token.empty()) {
    for (const auto& control : told_) {
      auto clear = tls::check_clear_text(clear_text_, control, "controls: " + control.to_string(),
                                         "controls", tls::ToldBy::options);
      if (!clear) return clear;
    }
  }
  const Lock lock(mutex_);
  presented_ = std::move(token);
  if (*credentials == nullptr) return {};
  if (credentials_ != nullptr) {
    credentials_->set(std::move(*credentials));
  } else {
    credentials_ = std::make_shared<tls::CurrentCredentials>(std::move(*credentials));
  }
  return {};
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
  std::vector<Endpoint> all;
  const Lock lock(mutex_);
  // A token goes in clear to no other machine, whoever says that a master is there.
  const bool is_secret = credentials_ == nullptr && !presented_.empty();
  std::copy_if(controls.begin(), controls.end(), std::back_inserter(all), [&](const auto& each) {
    return !is_secret || tls::may_be_clear(clear_text_, each);
  });
  for (const auto& endpoint : told_) {
    if (std::find(all.begin(), all.end(), endpoint) == all.end()) all.push_back(endpoint);
  }
  std::vector<Control> known;
  for (const auto& endpoint : all) {
    const auto same = std::find_if(controls_.begin(), controls_.end(), [&](const auto& control) {
      return control->endpoint() == endpoint;
    });
    known.push_back(
        same != controls_.end() ? *same : std::make_shared<ControlAddress>(endpoint, credentials_));
  }
  controls_ = std::move(known);
}

HttpOutcome Directory::ask(const Control& control, const std::string& path,
                           Duration timeout) const {
  HttpRequest request{.method = "GET", .target = path, .fields = {}, .body = {}};
  {
    const Lock lock(mutex_);
    if (!presented_.empty()) {
      request.fields = fmt::format("Authorization: {}\r\n", bearer(presented_));
    }
  }
  return control->ask(request, timeout);
}

Result<std::vector<Endpoint>> Directory::client_addresses(Duration timeout) {
  std::string tried;
  for (const auto& control : order()) {
    const auto asked = control->endpoint();
    const auto answer = ask(control, "/v1/masters", timeout);
    if (!is_ok(answer)) {
      note(tried, asked, why(answer));
      continue;
    }
    const auto masters = wire::parse_masters(answer.answer.body);
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
  ServiceView view{name, {}, control->endpoint().to_string()};
  if (answer.answered() && answer.answer.status == not_found) return view;
  if (!is_ok(answer)) return fail(ErrorCode::unavailable, why(answer));
  const auto service = wire::parse_service(answer.answer.body);
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
    if (!role.answered()) {
      note(tried, control->endpoint(), why(role));
    } else if (role.answer.status != ok) {
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
    note(tried, control->endpoint(), view.error().message);
  }
  return fail(ErrorCode::unavailable,
              fmt::format("no master can be asked for {}: {}", name, tried));
}

}  // namespace tandem::client
