// listeners.hpp: the addresses where clients are served, as a list that can be replaced: which are
// new, which stay, which are left; each with a number, by which the loops know it.
//
// An address that stays keeps its sockets, so nothing happens to whoever waits there. One that is
// given to TLS, or taken from it, keeps them too, under another number. Owner: the data plane.
#pragma once

#include <sys/types.h>

#include <optional>
#include <utility>
#include <vector>

#include "common/base/result.hpp"
#include "master/forward/plane/listening_socket.hpp"

namespace tandem::master {

// An address at which all loops listen.
struct OpenAddress {
  ListenAddress wanted;  // as it was configured
  ListenAddress bound;   // with the port that the kernel chose
  unsigned number = 0;
  std::vector<ino_t> inodes{};  // of its sockets
  bool is_kept = false;         // by whoever started this process
};

// The first where clients are served that speak TLS, or do not.
std::optional<Endpoint> first_of(const std::vector<OpenAddress>& addresses, bool tls);

// Where other masters pass requests on.
std::optional<Endpoint> inner_of(const std::vector<OpenAddress>& addresses);

// What replaces the list; sockets that nobody has taken out are closed with it.
struct ListenPlan {
  struct Opened {
    unsigned number = 0;
    std::vector<ListeningSocket> sockets{};  // at least one for each loop
  };
  std::vector<OpenAddress> addresses{};  // in the order of the options
  std::vector<Opened> opened{};
  std::vector<std::pair<unsigned, unsigned>> renumbered{};  // from, to: it speaks TLS, or no more
  std::vector<unsigned> left{};

  bool leaves_any() const { return !left.empty() || !renumbered.empty(); }
};

class Listeners {
 public:
  // Opens what is new in `wanted`, a socket for each of `loops`. Errors: `io`, with the address and
  // the reason; all that was opened is closed again, and nothing has changed.
  Result<ListenPlan> plan(const std::vector<ListenAddress>& wanted, unsigned loops);
  // The list is that of the plan from now on.
  void take(const ListenPlan& plan) { addresses_ = plan.addresses; }
  const std::vector<OpenAddress>& addresses() const { return addresses_; }

 private:
  Result<> open(const ListenAddress& wanted, unsigned loops, ListenPlan& plan);

  std::vector<OpenAddress> addresses_;
  unsigned next_number_ = 0;
};

}  // namespace tandem::master
