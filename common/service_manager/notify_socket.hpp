// notify_socket.hpp: the socket on which a service manager listens, by the protocol of systemd:
// datagrams of KEY=VALUE lines (sd_notify(3), "Standalone implementations").
//
// It is opened once. A process that has run out of descriptors must still be able to say that it is
// alive, or it would be killed for a shortage. Nothing waits: a datagram for which there is no room
// is dropped. Any thread.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string_view>

namespace tandem {

class NotifySocket {
 public:
  // `name`: the path of a socket, or @NAME of the abstract namespace; anything else: nobody
  // listens.
  explicit NotifySocket(std::string_view name);
  ~NotifySocket();
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  bool is_open() const { return socket_ >= 0; }
  void send(std::string_view lines) const;

 private:
  int socket_ = -1;
  sockaddr_un address_{};
  socklen_t address_bytes_ = 0;
};

}  // namespace tandem
