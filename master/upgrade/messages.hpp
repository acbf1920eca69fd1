// messages.hpp: what the two processes of an upgrade tell each other, in the order of its steps.
//
//   new process                          old process
//   ready     its configuration is good
//                                        sockets   where it listens, with the descriptors, and
//                                                  who it is in its cluster
//   taken     they have arrived, and what it has to open besides can be opened
//                                        release   it leads no more, and its store is closed
//   opened    the store is open
//                                        shut      it forwards to workers no more
//   leads     who leads (often again)
//   serving   it accepts clients, but for these addresses, which it has not
//                                        main      it is the main process from now on
//                                        clients   connections, with their descriptors (often)
//   adopted   how many of them it serves
//                                        held      what is still there (often)
//
// `failed`, with the reason, may come instead of any step of the new process. What is not known is
// ignored, so that two versions understand each other as long as `protocol` is the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"

namespace tandem::master {

inline constexpr unsigned upgrade_protocol = 1;

// The sockets at one address, of which `count` descriptors come with the message.
struct AddressNote {
  std::string flag{};
  Endpoint wanted{};
  Endpoint bound{};
  bool is_kept = false;
  std::size_t count = 0;
};

// Which member of its cluster a process is.
struct MemberNote {
  std::string node{};  // empty: it did not say
  unsigned level = 0;  // the feature level of the cluster; 0: it did not say
};

// What a load balancer has told of a client's connection to it.
struct FrontNote {
  std::string port{};
  bool tls = false;
  std::string version{};
  std::string certificate{};
};

struct ClientNote {
  Endpoint peer{};
  std::string port{};  // where it came in
  bool tls = false;    // which is spoken there; it has not said a word then
  bool has_proxy_header = false;
  bool is_heard = false;
  std::optional<FrontNote> front{};
};

// As Leadership; `is_self`: the new process leads, and that is its pass.
struct LeaderNote {
  std::uint64_t term = 0;
  bool is_self = false;
  std::string primary{};
  std::string listen{};  // HOST:PORT; empty: unknown
  std::string pass{};
};

// Members that a message does not need have their defaults, and are not written.
struct UpgradeMessage {
  std::string is{};
  std::string message{};  // of failed
  std::string version{};  // of ready, as the next
  unsigned protocol = 0;
  std::vector<AddressNote> addresses{};  // of sockets and serving
  MemberNote member{};                   // of sockets
  bool is_last = true;                   // more follow in another message if not
  std::vector<std::string> workers{};    // of release: those that are asked
  LeaderNote leader{};                   // of leads
  std::vector<ClientNote> clients{};     // of clients, in the order of their descriptors
  std::size_t count = 0;                 // of adopted: the first so many
  std::uint64_t connections = 0;         // of clients: of release and held
};

std::string to_json(const UpgradeMessage& message);
// Errors: `invalid`.
Result<UpgradeMessage> parse_upgrade_message(std::string_view text);

}  // namespace tandem::master
