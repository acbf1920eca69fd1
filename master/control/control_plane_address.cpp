// The part of ControlPlane that gives it another control address while it serves: opened by a
// reload, told to the other masters and the workers, and only then is the old one closed.
#include <algorithm>

#include <boost/asio.hpp>
#include <nlohmann/json.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/wire/error_document.hpp"
#include "common/wire/json_reader.hpp"
#include "master/control/control_plane_parts.hpp"
#include "master/control/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

// How it stands in the list of the masters; names stay names.
Endpoint told_as(const Endpoint& bound, const std::string& name) { return {name, bound.port}; }

}  // namespace

Result<std::shared_ptr<HttpServer::Listener>> ControlPlane::Parts::open_control(
    const ControlPlaneOptions& options) {
  if (options.control == configured_control) return std::shared_ptr<HttpServer::Listener>();
  auto opened = server.open(options.control);
  if (opened) return opened;
  return fail(opened.error().code, fmt::format("--control: {}", opened.error().message),
              "--control");
}

void ControlPlane::Parts::move_control(std::shared_ptr<HttpServer::Listener> opened,
                                       const ControlPlaneOptions& options) {
  if (opened == nullptr) return;
  const auto before = node.control;
  node.control = server.add(std::move(opened));
  configured_control = options.control;
  control_name = options.control_name.empty() ? options.control.host : options.control_name;
  leave_control_at = Instant::never();
  member->set_control(node.control);
  note_addresses();
  log::info("control address open node={} address={} before={}", node.node,
            node.control.to_string(), before.to_string());
}

// What the list of the masters says of this one; nothing: there is no such list, or it is not in
// it.
std::optional<Endpoint> ControlPlane::Parts::recorded_control() const {
  const auto& masters = member->masters();
  const auto own = masters.find(node.node);
  return own == masters.end() ? std::nullopt : std::optional(own->second.address);
}

// Once a second. The old address is left when everybody has had the time to hear of the new one:
// the other masters by the list, which is replicated, and workers in the answers to their
// heartbeats.
void ControlPlane::Parts::tend_control(Instant now) {
  if (server.addresses().size() < 2) return;
  const auto wanted = told_as(node.control, control_name);
  const auto recorded = recorded_control();
  const bool is_known = recorded ? *recorded == wanted : member->others().empty();
  if (!is_known) {
    leave_control_at = Instant::never();
    if (recorded && !telling_control) {
      telling_control = true;
      asio::co_spawn(loop, tell_control(wanted), asio::detached);
    }
    return;
  }
  const auto patience =
      std::max<Duration>(limits::control_left_after, 3 * registry.options().heartbeat_interval);
  if (leave_control_at == Instant::never()) leave_control_at = now + patience;
  if (now < leave_control_at) return;
  server.leave_older();
  leave_control_at = Instant::never();
  note_addresses();
  log::info("control address left, the others know the new one address={}",
            node.control.to_string());
}

// Asks the primary to put the new address into the list, as `tandem master replace a a ADDRESS`
// does. Tried again every second.
asio::awaitable<void> ControlPlane::Parts::tell_control(Endpoint wanted) {
  const auto body =
      wire::dump({{"name", node.node}, {"address", wanted.to_string()}, {"replaces", node.node}});
  const access::Credential self{.name = node.node, .role = access::Role::master};
  const auto from = node.control.host;
  ControlRequest request;
  request.method = "POST";
  request.path = "/v1/masters";
  request.body = body;
  request.peer = from;
  request.caller = &self;
  auto asking = ask_primary(request);
  const auto answer = co_await std::move(asking);
  telling_control = false;
  if (answer.status == 201 || closed) co_return;
  log::warn(
      "the other masters know the control address before alone, told again address={} "
      "reason=\"{}\"",
      wanted.to_string(), wire::error_message(answer.body));
}

}  // namespace tandem::master
