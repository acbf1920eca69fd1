// access_control.hpp: who may do what at the control address of this master: refuses, counts, and
// writes into the log who was refused and who has changed what.
//
// Without secrets everybody is admitted, and callers have no names; see direct_caller.hpp for who
// they can be.
//
// Owner: the control loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/access/credentials.hpp"
#include "common/access/refusal_log.hpp"
#include "common/base/endpoint.hpp"
#include "common/http/http_message.hpp"
#include "common/http/http_server.hpp"
#include "common/wire/heartbeat.hpp"
#include "common/wire/status.hpp"
#include "master/control/api_router.hpp"
#include "master/events/event.hpp"

namespace tandem::master {

class AccessControl {
 public:
  // Counts from the next request on, whoever was admitted before. Null: nobody is asked.
  void set(std::shared_ptr<const access::Credentials> credentials);
  // Callers prove who they are by certificates, on every connection.
  void go_by_certificates() { by_certificates_ = true; }
  // Whether a master of that name belongs to the cluster. One that does not, since it has been
  // removed or is yet to be added, may ask who the masters are, and send messages of the cluster.
  void ask_who_belongs(std::function<bool(const std::string& master)> belongs) {
    belongs_ = std::move(belongs);
  }
  // Somebody in particular asks, whom others cannot pass themselves off as.
  bool knows_callers() const { return credentials_ != nullptr || by_certificates_; }
  bool asks_for_tokens() const { return credentials_ != nullptr; }
  // Grows whenever somebody who was admitted might be admitted no more: with the tokens, and each
  // day, for tokens end by days.
  std::uint64_t version() const { return version_; }

  // By its certificate a caller is whom that names. Over TLS a token counts for what people do, and
  // makes nobody a worker or a master, who have certificates for that.
  // 401 for a token that is missing, unknown or expired, 403 for one that allows too little. Who
  // asks for what is open to all is admitted, and is a caller only if it may see more than that.
  Admission admit(const ControlRequest& request, ApiEndpoint::Access access);

  // 403 when what the worker says of itself is outside of what its token allows; nothing when all
  // is well. `address`: where it is, as it is seen from here.
  std::optional<ControlResponse> check_worker(const ControlRequest& request,
                                              const wire::Heartbeat& heartbeat,
                                              const Endpoint& address);

  // The change that was asked for, by whom, from where, and what came of it. `role`: of this node.
  void tell_change(const ControlRequest& request, const ControlResponse& response,
                   std::string_view role) const;
  // Who asks, or on whose behalf a master does.
  static wire::Author author_of(const ControlRequest& request);
  // The same as an event, without what came of it.
  static Event asked_of(const ControlRequest& request);
  // What a master says of whom it passes a request on for: the field Tandem-On-Behalf-Of.
  static std::string on_behalf_of(const ControlRequest& request);

  // Tells of tokens that end soon, once for each warning.
  void tick();

  // For GET /status.
  std::vector<wire::CredentialStatus> credentials() const;
  wire::RefusedRequests refused() const { return refused_; }

 private:
  ControlResponse refuse(const ControlRequest& request, std::string_view why,
                         ControlResponse answer);

  Admission admit_certified(const ControlRequest& request, ApiEndpoint::Access access);

  bool is_left_out(const ControlRequest& request, const access::Credential& caller,
                   ApiEndpoint::Access access) const;

  bool by_certificates_ = false;
  std::uint64_t version_ = 0;
  std::function<bool(const std::string&)> belongs_;  // empty: all do
  std::shared_ptr<const access::Credentials> credentials_;
  wire::RefusedRequests refused_;
  access::RefusalLog log_{"request refused"};
  access::WallTime warned_at_{};                  // the day for which warnings were looked for
  std::chrono::sys_days day_{};                   // of the last tick
  std::map<std::string, int, std::less<>> told_;  // by hash, the last warning
};

}  // namespace tandem::master
