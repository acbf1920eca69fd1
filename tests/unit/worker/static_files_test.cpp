#include "worker/program/static_files.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/gateway/raw_socket.hpp"
#include "tests/unit/worker/serving.hpp"

namespace tandem::test::static_files_test {

namespace fs = std::filesystem;

namespace {

// outside.txt, site/: index.html, a.txt, big.bin, empty, sub/b c.txt, docs/index.html, dotfiles,
// links of all kinds, a pipe. All of it is an hour old.
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
    fs::create_directories(path_ + "/site/docs x");
    write("site/docs x/index.html", "<p>docs</p>");
    fs::create_directories(path_ + "/site/.git");
    write("site/.git/config", "secret");
    write("site/.env", "secret");
    write("site/PAGE.HTML", "<p>loud</p>");
    fs::create_symlink(".env", path_ + "/site/env");
    fs::create_symlink("a.txt", path_ + "/site/inside");
    fs::create_symlink(path_ + "/site/a.txt", path_ + "/site/inside-absolute");
    fs::create_symlink("../outside.txt", path_ + "/site/out");
    fs::create_symlink(path_ + "/outside.txt", path_ + "/site/out-absolute");
    fs::create_directory_symlink("..", path_ + "/site/up");
    fs::create_directory_symlink("../site-secret", path_ + "/site/sibling");
    REQUIRE(::mkfifo((path_ + "/site/pipe").c_str(), 0600) == 0);
    for (const auto& entry : fs::recursive_directory_iterator(path_)) {
      if (entry.is_regular_file() && !entry.is_symlink()) {
        fs::last_write_time(entry, fs::file_time_type::clock::now() - std::chrono::hours(1));
      }
    }
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
  // As it comes: cpp-httplib's client decodes fields, and waits for the body of a 304.
  Message ask(const std::string& method, const std::string& target,
              const httplib::Headers& headers = {}) {
    auto socket = RawSocket::connect(serving.address().port);
    auto request = method + " " + target + " HTTP/1.1\r\nHost: x\r\n";
    for (const auto& [name, value] : headers) request += name + ": " + value + "\r\n";
    socket.send(request + "\r\n");
    return read_response(socket, method == "HEAD");
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

TEST_CASE(
    "ranges of another unit, several, and those that are none are ignored, and with HEAD all") {
  Served served;
  for (const auto* range :
       {"bytes=0-1,4-5", "lines=0-1", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=a-b",
        "bytes=0x1-2", "bytes=1-2-3", "bytes 0-1", "bytes=+1-2", "0-1"}) {
    INFO(range);
    const auto answer = served.get("/a.txt", {{"Range", range}});
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->body == "0123456789");
    CHECK(!answer->has_header("Content-Range"));
  }
  CHECK(served.get("/a.txt", {{"Range", "bytes=0-0"}, {"Range", "bytes=1-1"}})->status == 200);
  CHECK(served.get("/a.txt", {{"Range", "BYTES=0-0"}})->body == "0");
  CHECK(served.get("/a.txt", {{"Range", "bytes= , 1-1,"}})->body == "1");
  CHECK(served.get("/a.txt", {{"Range", "bytes=-0"}})->status == 416);
  CHECK(served.get("/a.txt", {{"Range", "bytes=1-99999999999999999999999"}})->body == "123456789");
  CHECK(served.get("/a.txt", {{"Range", "bytes=99999999999999999999999-"}})->status == 416);
  const auto head = served.serving.client().Head("/a.txt", {{"Range", "bytes=2-4"}});
  CHECK(head->status == 200);
  CHECK(head->get_header_value("Content-Length") == "10");
}

TEST_CASE("conditions are kept, in the order of RFC 9110 section 13.2.2") {
  Served served;
  const auto whole = served.get("/a.txt");
  const auto tag = whole->get_header_value("ETag");
  const auto modified = whole->get_header_value("Last-Modified");
  CHECK(tag.size() > 2);
  CHECK(tag != served.get("/big.bin")->get_header_value("ETag"));
  CHECK(modified.ends_with(" GMT"));
  const std::string before = "Sun, 06 Nov 1994 08:49:37 GMT";
  const std::string before_850 = "Sunday, 06-Nov-94 08:49:37 GMT";
  const std::string before_asctime = "Sun Nov  6 08:49:37 1994";
  const std::string after = "Fri, 01 Jan 2100 00:00:00 GMT";
  struct Row {
    httplib::Headers headers;
    int status;
  };
  const std::vector<Row> rows{
      {{{"If-None-Match", tag}}, 304},
      {{{"If-None-Match", "W/" + tag}}, 304},
      {{{"If-None-Match", "\"x\", W/\"y\" , " + tag}}, 304},
      {{{"If-None-Match", "\"x\""}, {"If-None-Match", tag}}, 304},
      {{{"If-None-Match", "*"}}, 304},
      {{{"If-None-Match", "\"x\""}}, 200},
      {{{"If-None-Match", "\"x\""}, {"If-Modified-Since", after}}, 200},
      {{{"If-None-Match", "unquoted"}}, 200},
      {{{"If-Modified-Since", modified}}, 304},
      {{{"If-Modified-Since", after}}, 304},
      {{{"If-Modified-Since", before}}, 200},
      {{{"If-Modified-Since", before_850}}, 200},
      {{{"If-Modified-Since", before_asctime}}, 200},
      {{{"If-Modified-Since", "yesterday"}}, 200},
      {{{"If-Match", tag}}, 200},
      {{{"If-Match", "*"}}, 200},
      {{{"If-Match", "W/" + tag}}, 412},
      {{{"If-Match", "\"x\""}}, 412},
      {{{"If-Match", "\"x\""}, {"If-None-Match", tag}}, 412},
      {{{"If-Match", tag}, {"If-Unmodified-Since", before}}, 200},
      {{{"If-Unmodified-Since", modified}}, 200},
      {{{"If-Unmodified-Since", before}}, 412},
      {{{"If-Unmodified-Since", before_850}}, 412},
      {{{"If-Unmodified-Since", before_asctime}}, 412},
      {{{"If-Unmodified-Since", "yesterday"}}, 200},
      {{{"If-Match", tag}, {"If-None-Match", tag}}, 304},
      {{{"Range", "bytes=0-0"}, {"If-None-Match", tag}}, 304},
      {{{"Range", "bytes=0-0"}, {"If-Range", tag}}, 206},
      {{{"Range", "bytes=0-0"}, {"If-Range", "W/" + tag}}, 200},
      {{{"Range", "bytes=0-0"}, {"If-Range", "\"x\""}}, 200},
      {{{"Range", "bytes=0-0"}, {"If-Range", modified}}, 206},
      {{{"Range", "bytes=0-0"}, {"If-Range", before}}, 200},
      {{{"Range", "bytes=0-0"}, {"If-Range", after}}, 200},
      {{{"Range", "bytes=99-"}, {"If-Range", "\"x\""}}, 200},
  };
  for (const auto& [headers, status] : rows) {
    for (const auto& [name, value] : headers) UNSCOPED_INFO(name << ": " << value);
    const auto answer = served.ask("GET", "/a.txt", headers);
    CHECK(answer.status() == static_cast<unsigned>(status));
    CHECK(answer.body == (status == 200 ? "0123456789" : status == 206 ? "0" : ""));
    if (status != 412) CHECK(answer.field("ETag") == tag);
    const auto head = served.ask("HEAD", "/a.txt", headers);
    CHECK(head.status() == static_cast<unsigned>(status == 206 ? 200 : status));
  }
}

TEST_CASE("endings in capitals have types, too") {
  Served served;
  CHECK(served.get("/PAGE.HTML")->get_header_value("Content-Type") == "text/html; charset=utf-8");
}

TEST_CASE("a directory with an index leads to itself with a slash") {
  Served served;
  const auto answer = served.ask("GET", "/docs%20x?a=b");
  CHECK(answer.status() == 301);
  CHECK(answer.field("Location") == "/docs%20x/?a=b");
  CHECK(served.get("/docs%20x/")->body == "<p>docs</p>");
  CHECK(served.ask("GET", "//docs%20x").field("Location") == "/docs%20x/");
  CHECK(served.get("/sub")->status == 404);
}

TEST_CASE("methods that files have not are refused with those that they have") {
  Served served;
  auto client = served.serving.client();
  client.set_keep_alive(true);
  for (const auto* method : {"POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    INFO(method);
    httplib::Request request;
    request.method = method;
    request.path = "/a.txt";
    request.body = "x";
    const auto answer = client.send(request);
    REQUIRE(answer);
    CHECK(answer->status == 405);
    CHECK(answer->get_header_value("Allow") == "GET, HEAD");
  }
}

TEST_CASE("files whose names begin with a dot are served only when the operator asked for that") {
  Served served;
  for (const auto* path : {"/.env", "/%2eenv", "/.git/config", "/.git", "/env", "/sub/../.env"}) {
    INFO(path);
    CHECK(served.get(path)->status == 404);
  }
  const Serving open{[&](httplib::Server& server) {
    REQUIRE(add_static_files(server, served.site.directory(), Dotfiles::served).ok());
  }};
  CHECK(open.client().Get("/.env")->body == "secret");
  CHECK(open.client().Get("/env")->body == "secret");
  CHECK(open.client().Get("/.git/config")->body == "secret");
}

TEST_CASE("a directory that is not there is not served") {
  httplib::Server server;
  CHECK(!add_static_files(server, "/nonexistent").ok());
}

}  // namespace tandem::test::static_files_test
