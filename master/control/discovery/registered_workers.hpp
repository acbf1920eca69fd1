// registered_workers.hpp: makes workers of the instances that have registered as with a Consul
// agent: each master sends its own registry the heartbeats that they do not send themselves.
//
// An instance whose checks are critical is as a worker whose service fails. One that is suspect,
// since it has refused a connection, is not spoken for any more, until it reports or a probe of it
// was good: that it is registered does not say that it lives.
//
// Owner: the control loop's thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "master/control/discovery/registered_probes.hpp"
#include "master/control/discovery/registrations.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

class RegisteredWorkers {
 public:
  // All outlive it. `check_address`: whether a worker may be there, as masters know it now.
  RegisteredWorkers(boost::asio::io_context& loop, Registry& registry, Registrations& registrations,
                    std::function<Result<>(const Endpoint&)> check_address);

  // The registration of that id was changed, reported or removed. Errors: as Registry::heartbeat();
  // `not_found` when an operator has removed the worker, and with it the registration.
  Result<> follow(std::string_view id, Instant now);
  // The same, where nobody has asked: what is wrong is its trouble(), and tried again in its time.
  void refresh(std::string_view id, Instant now);
  // Time has passed. Returns the ids of registrations that ended by it.
  std::vector<std::string> tick(Instant now);
  // Why the registration is no worker; empty: it is one.
  std::string_view trouble(std::string_view id) const;
  // How its checks are, those that this master makes among them.
  CheckStatus status(const Registration& registration, Instant now) const;
  RegisteredProbes::Verdict probed(std::string_view id) const { return probes_.verdict(id); }
  void stop() { probes_.stop(); }

 private:
  struct Spoken {
    std::string worker;
    std::string service;
    std::string incarnation;
    Endpoint address;
    CheckStatus status = CheckStatus::critical;
    unsigned weight = 0;
    std::string trouble{};
    bool is_silent = false;  // it is not spoken for until it is heard
    Instant again{};         // when it is spoken for again, if nothing changes
  };

  void say_bye(const Spoken& spoken, Instant now);
  bool is_due(const Registration& registration, Spoken& spoken, Instant now) const;
  void note_statuses(const Registration& registration, Instant now);

  Registry& registry_;
  Registrations& registrations_;
  RegisteredProbes probes_;
  const std::function<Result<>(const Endpoint&)> check_address_;
  std::map<std::string, Spoken, std::less<>> spoken_;  // by id
};

}  // namespace tandem::master
