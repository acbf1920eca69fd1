// Masters that are added, removed and replaced while clients are served.
#include "tests/e2e/masters.hpp"

#include <filesystem>

#include "tests/e2e/harness/load.hpp"

namespace tandem::e2e::masters_test {

TEST_CASE(
    "one master becomes three, they move to other machines, and one is left: no request fails") {
  Masters masters;
  masters.start("a");
  masters.add_worker("a");
  REQUIRE(eventually([&] { return get(masters.listen("a"), "/").status == 200; }));
  Load load(masters.listen("a"), 2);

  masters.start("b", {"--join", masters.control("a")});  // before it was added
  masters.add_master("a", "b");
  CHECK(masters.await_voters("a", {"a", "b"}));
  masters.start("c", {"--join", masters.control("b")});
  masters.add_master("b", "c");
  CHECK(masters.await_voters("a", {"a", "b", "c"}));

  // The primary goes; what it is still asked it passes on, until it is stopped.
  masters.start("d", {"--join", masters.control("b")});
  const Arguments replace{"master", "replace", "a", "d", masters.control("d")};
  CHECK(masters.tandem("b", replace).status == 0);
  CHECK(masters.await_voters("b", {"b", "c", "d"}));
  CHECK(masters.tandem("b", replace).status == 0);  // as after a failure
  CHECK(load.await_more(50));
  load.stop();
  CHECK(load.failed() == 0);
  CHECK(load.first_failure() == "");

  Load later(masters.listen("d"), 2);
  CHECK(masters.tandem("d", {"master", "remove", "b"}).status == 0);
  CHECK(masters.tandem("d", {"master", "remove", "c"}).status == 0);
  CHECK(masters.await_voters("d", {"d"}));
  CHECK(later.await_more(50));
  later.stop();
  CHECK(later.failed() == 0);
  CHECK(later.first_failure() == "");
  CHECK(get(masters.listen("d"), "/").status == 200);

  // No flag is needed afterwards.
  masters.process("d").kill9();
  masters.start("d");
  CHECK(eventually([&] { return get(masters.listen("d"), "/").status == 200; }));
}

TEST_CASE("a dead master is removed, and what cannot be is refused in a sentence") {
  Masters masters;
  masters.start("a");
  const auto refusal = [&] { return masters.tandem("a", {"master", "remove", "a"}).errors; };
  CHECK(eventually([&] { return refusal().find("a is the only master") != std::string::npos; }));
  masters.start("b", {"--join", masters.control("a")});
  masters.start("c", {"--join", masters.control("a")});
  masters.add_master("a", "b");
  masters.add_master("a", "c");
  REQUIRE(masters.await_voters("a", {"a", "b", "c"}));
  CHECK_THAT(masters.tandem("a", {"master", "add", "b", "127.0.0.1:9"}).errors,
             Catch::Contains("b is a master already"));
  CHECK_THAT(masters.tandem("a", {"master", "add", "e", masters.control("b")}).errors,
             Catch::Contains("is the address of b"));
  CHECK_THAT(masters.tandem("a", {"master", "remove", "x"}).errors,
             Catch::Contains("no master has the name x"));

  // Before that "not protected" does not say that c is silent.
  REQUIRE(eventually([&] { return masters.is_protected("a"); }));
  masters.process("c").kill9();
  // Two of three answer, so b is needed; but not c.
  REQUIRE(eventually([&] { return !masters.is_protected("a"); }));
  CHECK_THAT(masters.tandem("a", {"master", "remove", "b"}).errors,
             Catch::Contains("service would end"));
  CHECK(masters.tandem("a", {"master", "remove", "c"}).status == 0);
  CHECK(masters.await_voters("a", {"a", "b"}));
}

TEST_CASE("a directory of another cluster joins none") {
  Masters one, other;
  one.start("a");
  other.start("b");
  // Only then is the founding on its disk.
  REQUIRE(eventually([&] { return get(other.control("b"), "/primary").status == 200; }));
  other.process("b").kill9();
  REQUIRE(eventually([&] { return one.voters("a") == std::set<std::string>{"a"}; }));
  CHECK_THROWS_WITH(other.start("b", {"--join", one.control("a")}),
                    Catch::Contains("belongs to cluster"));
}

TEST_CASE("a master that is bound to all addresses is found by masters and workers, ever again") {
  Masters masters;
  masters.dir().write("token", "0123456789abcdef0123456789abcdef");
  const auto token = masters.dir().path("token");
  std::filesystem::permissions(token, std::filesystem::perms::owner_read);
  const Arguments with_token{"--token-file", token, "--insecure-network"};
  masters.start("a", with_token, "0.0.0.0");
  masters.start("b", {"--token-file", token, "--join", masters.control("a")});
  REQUIRE(eventually([&] {
    return masters.tandem("a", {"master", "add", "b", masters.control("b"), "--token-file", token})
               .status == 0;
  }));
  const auto b_says = [&](const std::string& what) {
    const auto status = masters.tandem("b", {"status", "--token-file", token}).output;
    return status.find(what) != std::string::npos;
  };
  REQUIRE(eventually([&] { return b_says("in sync    yes"); }));

  Process worker(masters.dir(), "learner",
                 {program("tandem-worker"), "--name", "w2", "--listen", "127.0.0.1:0", "--master",
                  masters.control("a"), "--token-file", token});
  const auto worker_said = [&](const std::string& what) {
    return worker.errors().find(what) != std::string::npos;
  };
  REQUIRE(eventually([&] {
    return worker_said("registered master=" + masters.control("a")) &&
           worker_said("registered master=" + masters.control("b"));
  }));

  masters.process("b").kill9();
  masters.start("b", with_token);
  CHECK(eventually([&] { return b_says("in sync    yes"); }));
  REQUIRE(eventually([&] {
    return masters.tandem("a", {"switchover", "--token-file", token}).status == 0;
  }));
  CHECK(eventually([&] { return worker_said("node=b role=primary"); }));
  CHECK(eventually([&] { return worker_said("node=a role=standby"); }));
  CHECK(!worker_said("master has left"));
}

TEST_CASE("a master that was removed and left running says so, and follows leadership") {
  Masters masters;
  masters.start("a");
  masters.add_worker("a");
  masters.start("b", {"--join", masters.control("a")});
  masters.start("c", {"--join", masters.control("a")});
  masters.add_master("a", "b");
  masters.add_master("a", "c");
  REQUIRE(masters.await_voters("a", {"a", "b", "c"}));
  CHECK(masters.tandem("a", {"master", "remove", "c"}).status == 0);
  CHECK(masters.tandem("b", {"master", "remove", "c"}).status == 0);  // nothing is left to do
  const auto failure = [&] { return masters.status("c").value("failure", std::string()); };
  CHECK(eventually([&] { return failure().find("c was removed") != std::string::npos; }));
  for (const std::string to : {"b", "a"}) {
    REQUIRE(eventually([&] {
      return masters.tandem("a", {"switchover", "--to", to}).status == 0;
    }));
    CHECK(eventually([&] { return masters.primary("c") == to; }));
    CHECK(eventually([&] { return get(masters.listen("c"), "/").status == 200; }));
  }
}

TEST_CASE("a primary whose partner is dead removes it, and the other learns of that") {
  Masters masters;
  masters.start("a");
  masters.add_worker("a");
  masters.start("b", {"--join", masters.control("a")});
  masters.add_master("a", "b");
  REQUIRE(masters.await_voters("a", {"a", "b"}));
  const auto is_pair = [&] { return masters.status("a").value("mode", std::string()) == "pair"; };
  REQUIRE(eventually(is_pair));
  masters.process("b").kill9();
  CHECK(eventually([&] { return masters.tandem("a", {"master", "remove", "b"}).status == 0; }));
  CHECK(masters.voters("a") == std::set<std::string>{"a"});
  masters.process("a").kill9();
  masters.start("a");  // it needs nobody
  CHECK(eventually([&] { return get(masters.listen("a"), "/").status == 200; }));
  masters.start("b");
  const auto failure = [&] { return masters.status("b").value("failure", std::string()); };
  CHECK(eventually([&] { return failure().find("b was removed") != std::string::npos; }));
  CHECK(eventually([&] { return get(masters.listen("b"), "/").status == 200; }));
}

}  // namespace tandem::e2e::masters_test
