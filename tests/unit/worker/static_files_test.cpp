#include "worker/program/static_files.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/worker/serving.hpp"

using namespace tandem;
using namespace tandem::test;
namespace fs = std::filesystem;

namespace {

// outside.txt, site/: index.html, a.txt, big.bin, empty, sub/b c.txt, links of all kinds, a pipe
class Site {
 public:
  Site() {
    path_ = (fs::temp_directory_path() / "tandem-site-XXXXXX").string();
    REQUIRE(mkdtemp(path_.data()) != nullptr);
    fs::create_directories(path_ + "/site/sub");
    fs::create_directories(path_ + "/site-secret");
    write("outside.txt", "secret");
    write("site-secret/x.txt", "secret");
    write("site/index.html", "<p>home</p>");
    write("site/a.txt", "0123456789");
    write("site/empty", "");
    write("site/sub/b c.txt", "spaced");
    std::string big(1'000'000, '\0');
    for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * 7 + i / 251);
    write("site/big.bin", big);
    fs::create_symlink("a.txt", path_ + "/site/inside");
    fs::create_symlink(path_ + "/site/a.txt", path_ + "/site/inside-absolute");
    fs::create_symlink("../outside.txt", path_ + "/site/out");
    fs::create_symlink(path_ + "/outside.txt", path_ + "/site/out-absolute");
    fs::create_directory_symlink("..", path_ + "/site/up");
    fs::create_directory_symlink("../site-secret", path_ + "/site/sibling");
    REQUIRE(::mkfifo((path_ + "/site/pipe").c_str(), 0600) == 0);
  }
  ~Site() { fs::remove_all(path_); }
  std::string directory() const { return path_ + "/site"; }
  std::string read(const std::string& name) const {
    std::ifstream file(path_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << content;
  }

 private:
  std::string path_;
};

struct Served {
  Site site;
  Serving serving{[this](httplib::Server& server) {
    REQUIRE(add_static_files(server, site.directory()).ok());
  }};
  httplib::Result get(const std::string& path, const httplib::Headers& headers = {}) {
    return serving.client().Get(path, headers);
  }
};

}  // namespace

TEST_CASE("files are served byte for byte with their types") {
  Served served;
  for (const auto* name : {"a.txt", "big.bin", "empty", "index.html"}) {
    INFO(name);
    const auto answer = served.get(std::string("/") + name);
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->body == served.site.read(std::string("site/") + name));
  }
  CHECK(served.get("/a.txt")->get_header_value("Content-Type") == "text/plain; charset=utf-8");
  CHECK(served.get("/big.bin")->get_header_value("Content-Type") == "application/octet-stream");
  CHECK(served.get("/")->body == "<p>home</p>");
  CHECK(served.get("/sub/b%20c.txt")->body == "spaced");
  CHECK(served.get("/sub/../a.txt")->body == "0123456789");
  CHECK(served.get("/inside")->body == "0123456789");
  CHECK(served.get("/inside-absolute")->body == "0123456789");
  const auto head = served.serving.client().Head("/a.txt");
  CHECK(head->status == 200);
  CHECK(head->get_header_value("Content-Length") == "10");
}

TEST_CASE("there is no way out of the directory") {
  Served served;
  for (const auto* path :
       {"/../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt", "/sub/../../outside.txt",
        "/sub/%2e%2e/%2e%2e/outside.txt", "/out", "/out-absolute", "/up/outside.txt",
        "/up/site-secret/x.txt", "/sibling/x.txt", "/../site-secret/x.txt", "//etc/passwd",
        "/%2fetc/passwd", "/../../../../../../etc/passwd", "/a.txt%00.html", "/..\\outside.txt"}) {
    INFO(path);
    const auto answer = served.get(path);
    REQUIRE(answer);
    CHECK(answer->status == 404);
    CHECK(answer->body == "not found\n");
  }
}

TEST_CASE("only regular files are served") {
  Served served;
  for (const auto* path : {"/none", "/sub", "/sub/", "/pipe", "/up", "/a.txt/"}) {
    INFO(path);
    CHECK(served.get(path)->status == 404);
  }
  CHECK(served.serving.client().Post("/a.txt", "x", "text/plain")->status == 404);
}

TEST_CASE("one range of a file is served, and no more than there is") {
  Served served;
  struct Row {
    const char* range;
    int status;
    const char* body;
    const char* content_range;
  };
  for (const auto& row : std::vector<Row>{
           {"bytes=0-0", 206, "0", "bytes 0-0/10"},
           {"bytes=2-4", 206, "234", "bytes 2-4/10"},
           {"bytes=7-", 206, "789", "bytes 7-9/10"},
           {"bytes=-3", 206, "789", "bytes 7-9/10"},
           {"bytes=0-9", 206, "0123456789", "bytes 0-9/10"},
           {"bytes=8-999999", 206, "89", "bytes 8-9/10"},
           {"bytes=-999999", 206, "0123456789", "bytes 0-9/10"},
           {"bytes=10-", 416, "", "bytes */10"},
           {"bytes=999-1000", 416, "", "bytes */10"},
           {"bytes=0-1,4-5", 200, "0123456789", ""},
       }) {
    INFO(row.range);
    const auto answer = served.get("/a.txt", {{"Range", row.range}});
    REQUIRE(answer);
    CHECK(answer->status == row.status);
    CHECK(answer->body == row.body);
    CHECK(answer->get_header_value("Content-Range") == row.content_range);
  }
  const auto middle = served.get("/big.bin", {{"Range", "bytes=100000-399999"}});
  CHECK(middle->body == served.site.read("site/big.bin").substr(100'000, 300'000));
  CHECK(served.get("/empty", {{"Range", "bytes=0-"}})->status == 416);
}

TEST_CASE("a directory that is not there is not served") {
  httplib::Server server;
  CHECK(!add_static_files(server, "/nonexistent").ok());
}
