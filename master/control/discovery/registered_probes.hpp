// registered_probes.hpp: the checks that this master makes of instances which registered as with a
// Consul agent: a GET, or whether a connection is accepted.
//
// They are beside those of master/registry/prober.hpp, which go by the settings of services: these
// go by what each instance asks for.
//
// Owner: the control loop's thread. Each probe makes a new connection.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "common/base/time.hpp"
#include "common/http/http_call.hpp"
#include "master/control/discovery/registered_check.hpp"

namespace tandem::master {

class RegisteredProbes {
 public:
  // `on_result`: a probe has ended, and was good or not. Both outlive it.
  RegisteredProbes(boost::asio::io_context& loop,
                   std::function<void(const std::string& id, bool good)> on_result);

  // From now on; what is probed like that already keeps its verdict.
  void watch(const std::string& id, const std::string& host, const ProbedCheck& check);
  void forget(std::string_view id);

  struct Verdict {
    bool passes = false;
    std::string why = "not probed yet";  // of the last probe
  };
  // Of one that is not watched: it passes.
  Verdict verdict(std::string_view id) const;

  // Begins those that are due.
  void tick(Instant now);
  void stop();

 private:
  struct Watched {
    std::string host;
    ProbedCheck check;
    std::uint64_t number = 0;  // of this watch
    Instant due{};
    bool is_under_way = false;
    unsigned good = 0;  // in a row
    unsigned bad = 0;
    Verdict verdict{};
  };

  boost::asio::awaitable<void> probe(std::string id, std::uint64_t number, Endpoint place,
                                     ProbedCheck check);
  void judge(const std::string& id, Watched& watched, const HttpOutcome& outcome);

  boost::asio::io_context& loop_;
  const std::function<void(const std::string& id, bool good)> on_result_;
  HttpCalls calls_;
  std::map<std::string, Watched, std::less<>> watched_;
  std::uint64_t last_number_ = 0;
  std::size_t under_way_ = 0;
  bool stopped_ = false;
};

}  // namespace tandem::master
