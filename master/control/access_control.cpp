#include "master/control/access_control.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/access/limits.hpp"
#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/base/name.hpp"
#include "common/base/printable.hpp"
#include "common/base/sender_address.hpp"
#include "common/http/api_response.hpp"

namespace tandem::master {

namespace {

using access::Credential;
using access::Identity;
using access::Role;
using Access = ApiEndpoint::Access;

// What a stranger sent is shown in part only.
constexpr std::size_t shown_bytes_max = 100;
constexpr std::size_t document_bytes_max = 300;

bool may(const Credential& caller, Access access) {
  switch (access) {
    case Access::open:
    case Access::anyone: return true;
    case Access::by_method: break;  // the router knows the method
    case Access::viewer: return includes(caller.role, Role::viewer);
    case Access::operator_: return includes(caller.role, Role::operator_);
    case Access::master: return includes(caller.role, Role::master);
    case Access::worker: return includes(caller.role, Role::worker);
    case Access::viewer_or_worker:
      return includes(caller.role, Role::viewer) || includes(caller.role, Role::worker);
    case Access::member:
      return includes(caller.role, Role::master) ||
             (caller.role == Role::worker && caller.scope.witness);
  }
  assertion_failed("an access that was resolved", __FILE__, __LINE__);
}

std::string_view needed(Access access) {
  switch (access) {
    case Access::viewer: return "viewer";
    case Access::operator_: return "operator";
    case Access::master: return "master";
    case Access::worker: return "worker";
    case Access::viewer_or_worker: return "viewer or worker";
    case Access::member: return "master, or worker with witness = true";
    case Access::open:
    case Access::anyone:
    case Access::by_method: break;
  }
  assertion_failed("an access that needs a role", __FILE__, __LINE__);
}

// Old clients of Consul put their token there, where it is not looked for, and must not be told.
std::string without_token(std::string_view query) {
  constexpr std::string_view token = "token=";
  std::string text(query);
  for (auto at = text.find(token); at != text.npos; at = text.find(token, at + token.size())) {
    const auto begin = at + token.size();
    text.replace(begin, std::min(text.find('&', begin), text.size()) - begin, "...");
  }
  return text;
}

std::string named(const ControlRequest& request) {
  auto text = fmt::format("{} {}{}{}", request.method, request.path,
                          request.query.empty() ? "" : "?", without_token(request.query));
  return printable(text.substr(0, shown_bytes_max));
}

// NAME ROLE ADDRESS, from a master that passes a request on. Nobody else's word is taken.
std::optional<wire::Author> told_by_master(const ControlRequest& request) {
  const bool is_believed =
      request.caller == nullptr || includes(request.caller->role, Role::master);
  const auto text = request.on_behalf_of;
  const auto first = text.find(' ');
  const auto last = text.rfind(' ');
  if (!is_believed || !request.passed_on || first == text.npos || first == last) {
    return std::nullopt;
  }
  wire::Author who{std::string(text.substr(0, first)),
                   std::string(text.substr(first + 1, last - first - 1)),
                   std::string(text.substr(last + 1))};
  const bool is_well =
      is_name(who.name) && access::role_of(who.role) && Endpoint{who.from, 0}.is_numeric();
  return is_well ? std::optional(std::move(who)) : std::nullopt;
}

wire::Author caller_of(const ControlRequest& request) {
  if (request.caller == nullptr) return {"anybody", "all", std::string(request.peer)};
  return {request.caller->name, std::string(to_string(request.caller->role)),
          std::string(request.peer)};
}

int warning_of(int days_left) {
  if (days_left < 0) return 3;
  const auto days = static_cast<unsigned>(days_left);
  if (days <= limits::credential_days_last_warning) return 2;
  return days <= limits::credential_days_first_warning ? 1 : 0;
}

}  // namespace

void AccessControl::set(std::shared_ptr<const access::Credentials> credentials) {
  credentials_ = std::move(credentials);
  ++version_;
  warned_at_ = {};
  tick();
}

ControlResponse AccessControl::refuse(const ControlRequest& request, std::string_view why,
                                      ControlResponse answer) {
  ++(answer.status == 403 ? refused_.forbidden : refused_.unauthorized);
  log_.refused(request.peer, fmt::format("{} for {}", why, named(request)), now());
  return answer;
}

bool AccessControl::is_left_out(const ControlRequest& request, const access::Credential& caller,
                                Access access) const {
  if (caller.role != Role::master || !belongs_ || access == Access::member) return false;
  const bool is_for_joining = request.method == "GET" && request.path == "/v1/masters";
  return !is_for_joining && !belongs_(caller.name);
}

Admission AccessControl::admit_certified(const ControlRequest& request, Access access) {
  TANDEM_ASSERT(request.certified != nullptr);
  auto caller = request.certified;
  const bool is_left_out = this->is_left_out(request, *caller, access);
  if (access == Access::open) {
    const bool sees_more = includes(caller->role, Role::viewer) && !is_left_out;
    return {.trusts = true, .caller = sees_more ? std::move(caller) : nullptr};
  }
  if (is_left_out) {
    const auto why = fmt::format("{} is no master of this cluster", caller->name);
    return {.refusal = refuse(request, why, forbidden(why))};
  }
  if (may(*caller, access)) return {.trusts = true, .caller = std::move(caller)};
  const auto why = fmt::format("{}, by its certificate, may not do this: it needs the role {}",
                               described(*caller), needed(access));
  return {.refusal = refuse(request, why, forbidden(why))};
}

Admission AccessControl::admit(const ControlRequest& request, Access access) {
  if (access == Access::anyone) return {};
  const bool is_for_people = access == Access::viewer || access == Access::operator_;
  const bool by_token = credentials_ != nullptr && !request.authorization.empty();
  if (by_certificates_ && (!is_for_people || !by_token)) return admit_certified(request, access);
  if (credentials_ == nullptr) return {};
  auto [standing, caller] = credentials_->identify(request.authorization, access::wall_time());
  const bool is_known = standing == Identity::Standing::known;
  const bool is_left_out = is_known && this->is_left_out(request, *caller, access);
  if (access == Access::open) {
    const bool sees_more = is_known && !is_left_out && includes(caller->role, Role::viewer);
    return {.trusts = is_known, .caller = sees_more ? std::move(caller) : nullptr};
  }
  switch (standing) {
    case Identity::Standing::known: break;
    case Identity::Standing::nobody:
      return {.refusal = refuse(request, "no token", not_authorized())};
    case Identity::Standing::unknown:
      return {.refusal =
                  refuse(request, "unknown token", not_authorized("this token is not known here"))};
    case Identity::Standing::expired: {
      const auto why = fmt::format("the token of {} has expired on {}", caller->name,
                                   caller->until->to_string());
      return {.refusal = refuse(request, why, not_authorized(why))};
    }
  }
  if (is_left_out) {
    const auto why = fmt::format("{} is no master of this cluster", caller->name);
    return {.refusal = refuse(request, why, forbidden(why))};
  }
  if (may(*caller, access)) return {.trusts = true, .caller = std::move(caller)};
  const auto why =
      fmt::format("{} may not do this: it needs the role {}", described(*caller), needed(access));
  return {.refusal = refuse(request, why, forbidden(why))};
}

std::optional<ControlResponse> AccessControl::check_worker(const ControlRequest& request,
                                                           const wire::Heartbeat& heartbeat,
                                                           const Endpoint& address) {
  if (request.caller == nullptr || !knows_callers()) return std::nullopt;
  access::WorkerClaim claim{.name = heartbeat.name,
                            .service = heartbeat.service,
                            .host = address.host,
                            .peer = std::string(request.peer)};
  // Of a certificate the scope is its own: no other names are known.
  const auto outside_scope = [&] {
    return by_certificates_ ? access::Credentials::outside_own_scope(*request.caller, claim)
                            : credentials_->outside_scope(*request.caller, claim);
  };
  auto why = outside_scope();
  if (why.empty() && heartbeat.witness && !heartbeat.witness->dials()) {
    claim.host = reachable_from_here(heartbeat.witness->control, request.peer).host;
    why = outside_scope();
  }
  if (why.empty()) return std::nullopt;
  return refuse(request, why, forbidden(why));
}

void AccessControl::tell_change(const ControlRequest& request, const ControlResponse& response,
                                std::string_view role) const {
  const auto caller = caller_of(request);
  const auto told = told_by_master(request);
  const auto& who = told ? *told : caller;
  log::info("change name={} role={} from={}{} at={} what=\"{}\" outcome={}{}{}", who.name, who.role,
            who.from, told ? fmt::format(" via={} via_address={}", caller.name, caller.from) : "",
            role, named(request), response.status, request.body.empty() ? "" : " document=",
            printable(request.body.substr(0, document_bytes_max)));
}

wire::Author AccessControl::author_of(const ControlRequest& request) {
  const auto told = told_by_master(request);
  return told ? *told : caller_of(request);
}

Event AccessControl::asked_of(const ControlRequest& request) {
  auto who = author_of(request);
  return {.kind = EventKind::request,
          .subject = who.name,
          .text = fmt::format("{} asked for {}", who.name, named(request)),
          .reason = printable(request.body.substr(0, document_bytes_max)),
          .by = std::move(who)};
}

std::string AccessControl::on_behalf_of(const ControlRequest& request) {
  const auto who = caller_of(request);
  return fmt::format("{} {} {}", who.name, who.role, who.from);
}

void AccessControl::tick() {
  const auto now = access::wall_time();
  const auto today = std::chrono::floor<std::chrono::days>(now);
  if (std::exchange(day_, today) != today) ++version_;
  if (credentials_ == nullptr || today == warned_at_) return;
  warned_at_ = today;
  std::map<std::string, int, std::less<>> told;
  for (const auto& each : credentials_->all()) {
    if (!each->until || credentials_->is_replaced(*each)) continue;
    const int days = each->until->days_left(now);
    const int warning = warning_of(days);
    if (warning == 0) continue;
    told[each->sha256] = warning;
    const auto known = told_.find(each->sha256);
    if (known != told_.end() && known->second >= warning) continue;
    if (days < 0) {
      log::warn("token has expired name={} role={} until={}", each->name, to_string(each->role),
                each->until->to_string());
    } else {
      log::warn("token expires soon name={} role={} until={} days_left={}", each->name,
                to_string(each->role), each->until->to_string(), days);
    }
  }
  told_ = std::move(told);
}

std::vector<wire::CredentialStatus> AccessControl::credentials() const {
  std::vector<wire::CredentialStatus> all;
  if (credentials_ == nullptr) return all;
  const auto now = access::wall_time();
  for (const auto& each : credentials_->all()) {
    wire::CredentialStatus status{.name = each->name, .role = std::string(to_string(each->role))};
    if (each->until) {
      status.until = each->until->to_string();
      status.days_left = static_cast<std::uint64_t>(std::max(each->until->days_left(now), 0));
      status.expired = each->until->is_over(now);
      status.replaced = credentials_->is_replaced(*each);
    }
    all.push_back(std::move(status));
  }
  // Those that end first, then by name.
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    if (a.until.empty() != b.until.empty()) return b.until.empty();
    return std::tie(a.until, a.name) < std::tie(b.until, b.name);
  });
  if (all.size() > limits::credentials_shown_max) all.resize(limits::credentials_shown_max);
  return all;
}

}  // namespace tandem::master
