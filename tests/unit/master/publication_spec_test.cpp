// How --publish is written.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "master/discovery/limits.hpp"
#include "master/publication/publication_spec.hpp"

namespace tandem::master::publication_spec_test {
namespace {

using Catch::Contains;
using Kind = SourceSpec::Kind;
using What = PublicationSpec::What;

std::string why(const std::string& text) {
  const auto spec = parse_publication(text, "--publish");
  return spec ? "" : spec.error().message;
}
PublicationSpec spec_of(const std::string& text) { return *parse_publication(text, "--publish"); }

}  // namespace

TEST_CASE("a --publish says which registry, where, below what, and what is published") {
  const auto etcd = spec_of("etcd=10.0.0.1:2379");
  CHECK(etcd.registry.kind == Kind::etcd);
  CHECK(etcd.registry.servers == std::vector<Endpoint>{{"10.0.0.1", 2379}});
  CHECK(etcd.registry.name.empty());
  CHECK(etcd.what == What::workers);
  CHECK_FALSE(etcd.registry.tls);

  const auto urls = spec_of(
      "etcd=https://e1:2379,https://e2:2379/services/;ca=a.pem;user=u;password=p;what=masters");
  CHECK(urls.registry.servers.size() == 2);
  CHECK(urls.registry.name == "services");
  CHECK(urls.registry.tls);
  CHECK(urls.registry.authority == "a.pem");
  CHECK(urls.registry.user == "u");
  CHECK(urls.registry.password == "p");
  CHECK(urls.what == What::masters);
  CHECK(urls.registry.text == urls.text);

  const auto zookeeper = spec_of("zookeeper=z1:2181,z2:2181/a/b,what=workers");
  CHECK(zookeeper.registry.kind == Kind::zookeeper);
  CHECK(zookeeper.registry.name == "a/b");
  CHECK(zookeeper.registry.servers.size() == 2);
}

TEST_CASE("a --publish that means nothing is refused with what would be right") {
  for (const auto* text : {"",
                           "etcd",
                           "etcd=",
                           "consul=h:1",
                           "etcd=h",
                           "etcd=h:0",
                           "etcd=0.0.0.0:1",
                           "etcd=h:1,x=y",
                           "etcd=h:1,what=all",
                           "etcd=h:1,what=workers,what=masters",
                           "etcd=h:1/a,h2:1",
                           "etcd=h:1,user=u",
                           "etcd=h:1,ca=a",
                           "etcd=h:1,what=masters,h2:1",
                           "etcd=h:1,token=t",
                           "zookeeper=h:1",
                           "zookeeper=h:1/",
                           "zookeeper=h:1/a/../b",
                           "zookeeper=h:1/a//b",
                           "etcd=https://h:1,http://h2:1",
                           "etcd=h:1,https://h2:1",
                           "etcd=h:1/a b",
                           "web=etcd:h:1"}) {
    INFO(text);
    CHECK(why(text).find("--publish") == 0);
    CHECK_THAT(why(text), !Contains("SERVICE"));
  }
  CHECK_THAT(why("zookeeper=h:1"), Contains("/services"));
  CHECK_THAT(why("etcd=h:1,what=all"), Contains("workers or masters"));
  std::string many = "etcd=h:1";
  for (std::size_t i = 1; i < limits::source_servers_max; ++i) many += fmt::format(",h{}:1", i);
  CHECK(why(many).empty());
  CHECK_FALSE(why(many + ",more:1").empty());
  CHECK_FALSE(why("etcd=h:1/" + std::string(limits::source_text_bytes_max, 'a')).empty());
}

TEST_CASE("what would read what it publishes is refused, and so is what writes a place twice") {
  const auto loops = [](const std::string& publication, const std::string& source) {
    const auto checked = check_no_loop(spec_of(publication), *parse_source(source, "--discover"));
    if (!checked) CHECK_THAT(checked.error().message, Contains("--discover " + source));
    return !checked.ok();
  };
  CHECK(loops("etcd=a:1,b:1/s", "web=etcd:b:1/s/web"));
  CHECK(loops("etcd=a:1/s", "web=etcd:a:1/s"));
  CHECK(loops("etcd=a:1", "web=etcd:a:1"));
  CHECK(loops("zookeeper=a:1/s", "web=zookeeper:a:1/s/web"));
  CHECK_FALSE(loops("etcd=a:1/s", "web=etcd:a:1/sw/web"));
  CHECK_FALSE(loops("etcd=a:1/s", "web=etcd:b:1/s/web"));
  CHECK_FALSE(loops("zookeeper=a:1/s", "web=etcd:a:1/s/web"));

  CHECK(writes_the_same(spec_of("etcd=a:1,b:1/s"), spec_of("etcd=b:1/s,what=masters")));
  CHECK_FALSE(writes_the_same(spec_of("etcd=a:1/s"), spec_of("etcd=a:1/m,what=masters")));
}

}  // namespace tandem::master::publication_spec_test
