// request_stream.hpp: presents exactly one request to cpp-httplib, and no byte of another.
//
// cpp-httplib reads a short head that is always the same, and gets the real one as values (take()):
// its own parser and limits are not used, so both sides of a connection agree. Then it reads
// content without framing, which ends where the body ends. Its answer goes through a
// ResponseWriter.
//
// Content-Encoding is not decoded: 200 KB of gzip may be a gigabyte. cpp-httplib would decode it if
// it found the coding in its usual spelling, so until the body is read the value is in capitals
// (codings are case-insensitive, RFC 9110 §8.4.1); after that it is as sent.
//
// Owner: the thread that serves the connection; one object for one request.
#pragma once

#include <string>
#include <vector>

#include <httplib.h>

#include "worker/src/request_reader.hpp"
#include "worker/src/response_writer.hpp"

namespace tandem {

class RequestStream : public httplib::Stream {
 public:
  RequestStream(ConnectionIo& io, RequestReader& reader, ResponseWriter& writer)
      : io_(io), reader_(reader), writer_(writer) {}

  // The request as values. REQUIRES: the reader has read a head, and not begun the body.
  static httplib::Request values_of(const RequestHead& head);
  // Whether cpp-httplib reads the body of requests with this method.
  static bool reads_body(std::string_view method);

  // Uses `gathered` as the whole content, in place of the reader's.
  void use_gathered(std::string gathered) { gathered_ = std::move(gathered); }
  // Called inside cpp-httplib: sets `request` to `values`. `request` outlives all reading of
  // content.
  void take(httplib::Request& request, httplib::Request values);

  bool is_readable() const override { return true; }
  bool is_writable() const override { return io_.is_writable(); }
  ssize_t read(char* data, std::size_t size) override;
  ssize_t write(const char* data, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override;

 private:
  void show_content_encoding();
  void hide_content_encoding();

  ConnectionIo& io_;
  RequestReader& reader_;
  ResponseWriter& writer_;
  std::size_t stub_read_ = 0;
  std::string gathered_;
  std::size_t gathered_read_ = 0;
  httplib::Request* request_ = nullptr;
  bool continue_awaited_ = false;
  std::vector<std::string> encodings_;  // as they were sent, while they are in capitals
};

}  // namespace tandem
