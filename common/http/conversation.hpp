// conversation.hpp: what a call says and hears on its connection, when that is not HTTP/1.1.
//
// Pure: bytes in, bytes out; HttpCalls brings the connection, the deadline and the end from
// outside. Owner: one call.
#pragma once

#include <string>
#include <string_view>

#include "common/base/endpoint.hpp"

namespace tandem {

class Conversation {
 public:
  virtual ~Conversation() = default;

  // There is a connection to `peer`. Once, before all else.
  virtual void begin(const Endpoint& peer) = 0;
  // Appends what is to be sent now.
  virtual void pull(std::string& out) = 0;
  virtual void feed(std::string_view bytes) = 0;
  // HttpCallOptions::tick_every has passed once more, whatever has been said or heard.
  virtual void tick() {}
  // Nothing more is to be heard: there is an answer, or there will be none.
  virtual bool is_over() const = 0;
};

}  // namespace tandem
