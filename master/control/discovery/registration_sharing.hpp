// registration_sharing.hpp: what services that know one master alone have told it, all masters
// know: POST /cluster/registrations.
//
// Each master tells each other one what has changed, and all that it knows when it first speaks to
// it or that one has started anew. What was news to the other it tells on, so that it is enough if
// masters reach each other somehow. Services that report on time are told of in short; who lacks
// the rest asks for it. A master of a version that does not know the question answers 404, and is
// asked again now and then.
//
// Owner: the control loop's thread.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/endpoint.hpp"
#include "common/http/http_call.hpp"
#include "common/http/http_message.hpp"
#include "master/control/discovery/registrations.hpp"

namespace tandem::master {

inline constexpr std::string_view registrations_path = "/cluster/registrations";

class RegistrationSharing {
 public:
  // All outlive it.
  struct Sources {
    boost::asio::io_context& loop;
    HttpCalls& calls;
    Registrations& registrations;
    std::string node;
    std::function<std::map<std::string, Endpoint>()> others;  // the other masters
    std::function<std::string()> token;                       // that is presented to them
    // Another master has told something new of the registration; whether all of it was new.
    std::function<void(const std::string& id, Extent)> on_news;
  };

  explicit RegistrationSharing(Sources sources);

  // Something has changed here, of which the others are told soon.
  void changed(const std::string& id, Extent extent) { spread(id, extent, {}); }
  // Returns when all others that can be reached know of it, or limits::registrations_shared_max is
  // over.
  boost::asio::awaitable<void> shared(std::string id);
  // POST registrations_path. REQUIRES: a master asks.
  ControlResponse answer(const ControlRequest& request);
  // To be called now and then: looks for masters that have come, or were out of reach.
  void tick(Instant now);
  void stop();

 private:
  using Pending = std::map<std::string, Extent>;
  struct Other {
    Endpoint control{};
    std::string process{};  // as which it last answered; empty: it never did
    Pending pending{};      // that it is to be told
    Pending sent{};         // that it is being told
    bool is_sending = false;
    bool is_out_of_reach = false;
  };

  void follow_others();
  void spread(const std::string& id, Extent extent, std::string_view but);
  void tell_all(Other& other);
  void start(const std::string& name, Other& other);
  boost::asio::awaitable<void> send(std::string name);
  std::string next_message(Other& other) const;
  void took(Other& other, std::string_view reply);
  bool is_shared(const std::string& id) const;
  void notify();

  const Sources sources_;
  const std::string process_;  // of this start
  std::map<std::string, Other, std::less<>> others_;
  std::set<boost::asio::steady_timer*> waiting_;
  Instant look_again_ = Instant::never();
  bool stopped_ = false;
};

}  // namespace tandem::master
