#include "refusal.hpp"

namespace tandem::test {

void check_refused(const Refused& row) {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(row.request);
  const auto answer = read_response(client, row.request.starts_with("HEAD "));
  CHECK(answer.status() == row.status);
  CHECK(answer.field("Connection") == "close");
  CHECK(answer.count("Date") == 1);
  if (!row.request.starts_with("HEAD ")) CHECK(answer.body.find("\"error\"") != std::string::npos);
  CHECK(client.closes());
  CHECK(origin.request_count() == 0);
}

std::string with_field(const std::string& field) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n";
}

}  // namespace tandem::test
