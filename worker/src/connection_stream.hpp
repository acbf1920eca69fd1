// connection_stream.hpp: one accepted connection, as cpp-httplib wants to read and write it.
//
// In place of the library's own, which waits in steps of 10 ms with select() (so that a hundred
// idle connections keep a core busy, and numbers above 1023 cannot be used), forgets what it has
// read ahead between two requests, and sends the head and the body of a response in two packets.
//
// Owner: the thread that serves the connection.
#pragma once

#include <array>
#include <string>

#include <httplib.h>

#include "common/base/time.hpp"

namespace tandem {

class ConnectionStream : public httplib::Stream {
 public:
  struct Timeouts {
    Duration read;   // without a byte arriving
    Duration write;  // without a byte leaving
  };

  // Closes neither `socket` nor `stop_event`; both outlive the stream.
  // `stop_event`: an eventfd that is readable from the moment when idle connections shall close.
  ConnectionStream(int socket, int stop_event, Timeouts timeouts);

  // Waits for the first byte of the next request. False: none came in `idle`, the caller closed, or
  // it is time to stop. A request whose first byte is there is never turned away.
  bool wait_for_request(Duration idle);
  // Sends what write() held back. False: the connection is broken.
  bool flush();
  // Ends the connection without destroying the response on its way: RFC 9112 §9.6.
  void close_gracefully();

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* data, std::size_t size) override;
  ssize_t write(const char* data, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override;

 private:
  bool send_all(std::string_view first, std::string_view second);
  bool wait_for(short events, Duration timeout) const;

  const int socket_;
  const int stop_event_;
  const Timeouts timeouts_;
  std::array<char, 16 * 1024> buffer_;
  std::size_t begin_ = 0;  // of what is in the buffer and not yet read
  std::size_t end_ = 0;
  std::string held_;  // a response head that waits for the first bytes of its body
};

}  // namespace tandem
