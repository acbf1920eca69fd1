#include "common/http1/field_kind.hpp"

#include <string>

#include <catch2/catch.hpp>

#include "common/http1/trailer_fields.hpp"

namespace tandem::field_kind_test {

TEST_CASE("fields are told apart by their names in any case of letters") {
  CHECK(kind_of("HOST") == FieldKind::host);
  CHECK(kind_of("transfer-Encoding") == FieldKind::transfer_encoding);
  CHECK(kind_of("X-Forwarded-For") == FieldKind::forwarded_for);
  CHECK(kind_of("X-Forwarded-Fort") == FieldKind::client_claim);
  CHECK(kind_of("X-Forwarded-") == FieldKind::client_claim);
  CHECK(kind_of("X-Forwarded-" + std::string(100, 'a')) == FieldKind::client_claim);
  CHECK(kind_of("x-real-ip") == FieldKind::client_claim);
  CHECK(kind_of("X-Real-IPs") == FieldKind::other);
  CHECK(kind_of("X-ReWrite-URL") == FieldKind::client_claim);
  CHECK(kind_of("tandem-x") == FieldKind::tandem);
  CHECK(kind_of("Tracestate") == FieldKind::trace_context);
  for (const auto* name : {"X", "T", "X-Forwarded", "Tandem", "Hosts", "Cookie"}) {
    CHECK(kind_of(name) == FieldKind::other);
  }
}

TEST_CASE("a name with underscores is that of nothing, or looks like another") {
  CHECK(kind_of("X_User") == FieldKind::underscored);
  CHECK(kind_of("_") == FieldKind::underscored);
  CHECK(kind_of(std::string(200, '_')) == FieldKind::underscored);
  for (const auto* name :
       {"Content_Length", "TRANSFER_ENCODING", "X_Forwarded-For", "x-forwarded_any", "Tandem_Term",
        "Max_Forwards", "X_Real_IP", "Keep_Alive"}) {
    CHECK(kind_of(name) == FieldKind::look_alike);
  }
  CHECK(kind_of("X_Forwarded_" + std::string(100, 'a')) == FieldKind::look_alike);
}

TEST_CASE("trailers that come too late are dropped, with underscores too") {
  for (const auto* name : {"Content-Length", "content_length", "X-Forwarded-Any", "Set_Cookie",
                           "Authorization", "Proxy_Authorization", "Tandem-X", "Date", "Host"}) {
    CHECK_FALSE(may_be_trailer(name));
  }
  for (const auto* name : {"X-Checksum", "grpc-status", "X_Sum", "Server-Timing"}) {
    CHECK(may_be_trailer(name));
  }
}

}  // namespace tandem::field_kind_test
