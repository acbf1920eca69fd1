#include "worker/src/certificate_watch.hpp"

#include <vector>

#include <catch2/catch.hpp>

#include "tests/unit/common/credential_files.hpp"

namespace tandem::certificate_watch_test {
namespace {

using std::chrono::days;

struct Scene {
  Scene() { begin(days(9)); }

  void begin(days lifetime) {
    files.put("w1", files.issued({.kind = tls::Kind::worker, .name = "w1"},
                                 std::chrono::days(200) + lifetime,
                                 files.now() - std::chrono::days(200)));
    credentials = files.loaded("w1");
    watch.begin(credentials);
  }
  void read_again() { credentials->set(files.loaded("w1")->get()); }
  // What was said since the last time.
  std::vector<std::string> said() { return std::exchange(lines, {}); }

  test::CredentialFiles files;
  std::vector<std::string> lines;
  CertificateWatch watch{[this](Severity severity, const std::string& line) {
    CHECK(severity == Severity::warning);
    lines.push_back(line);
  }};
  tls::CurrentCredentialsPtr credentials;
};

}  // namespace

TEST_CASE("a worker warns each day that its certificate ends soon, and that it has ended") {
  Scene scene;
  const auto now = scene.files.now();
  scene.watch.look(now - days(22));
  CHECK(scene.said().empty());  // 31 days before
  scene.watch.look(now - days(21));
  const auto first = scene.said();
  REQUIRE(first.size() == 1);
  CHECK(
      first[0].starts_with("the certificate of the cluster ends soon "
                           "identity=spiffe://c/tandem/worker/w1 until=\""));
  CHECK(first[0].ends_with("days_left=30"));
  scene.watch.look(now - days(21));
  CHECK(scene.said().empty());
  scene.watch.look(now);
  CHECK(scene.said().size() == 1);
  scene.read_again();  // the same one, which is as short
  scene.watch.look(now);
  CHECK(scene.said().size() == 1);
  scene.watch.look(now + days(10));
  const auto last = scene.said();
  REQUIRE(last.size() == 1);
  CHECK(last[0].starts_with("the certificate of the cluster has ended on "));
  CHECK(last[0].find(": no master accepts it identity=") != std::string::npos);
}

TEST_CASE("a worker warns when its list of revocations has become empty") {
  Scene scene;
  const auto now = scene.files.now() - days(100);
  scene.watch.look(now);
  CHECK(scene.said().empty());
  scene.files.write("revoked", std::string(64, 'a') + "\n");
  scene.read_again();
  scene.watch.look(now);
  CHECK(scene.said().empty());
  scene.files.write("revoked", "");
  scene.read_again();
  scene.watch.look(now);
  CHECK(scene.said() == std::vector<std::string>{"nobody is revoked any more, the list of "
                                                 "revocations is empty before=1"});
  scene.read_again();
  scene.watch.look(now);
  CHECK(scene.said().empty());
}

}  // namespace tandem::certificate_watch_test
