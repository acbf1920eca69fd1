// Real input: a tree of some thousand files, fetched through the master and compared with the disk.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <mutex>
#include <thread>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/nginx.hpp"

namespace tandem::e2e::file_tree_test {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t enough_files = 2'000;
constexpr std::size_t most_files = 8'000;
constexpr unsigned clients = 4;

struct Tree {
  std::string root;
  std::vector<std::string> files;  // relative to the root, none of them through a symbolic link
};

Tree list(const std::string& root) {
  Tree tree{root, {}};
  const auto options = fs::directory_options::skip_permission_denied;
  for (const auto& entry : fs::recursive_directory_iterator(root, options)) {
    if (entry.is_symlink() || !entry.is_regular_file()) continue;
    tree.files.push_back(fs::relative(entry.path(), root).string());
    if (tree.files.size() == most_files) break;
  }
  std::sort(tree.files.begin(), tree.files.end());
  return tree;
}

// A tree that any machine with a compiler has.
Tree find_tree() {
  Tree most;
  for (const auto* root : {"/usr/share/doc", "/usr/include", "/usr/share"}) {
    Tree tree = list(root);
    if (tree.files.size() > most.files.size()) most = std::move(tree);
    if (most.files.size() >= enough_files) break;
  }
  return most;
}

// Fetches every file of the tree over several connections; what differs, in words.
std::vector<std::string> differences(const std::string& address, const Tree& tree) {
  std::vector<std::string> found;
  std::mutex mutex;
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < clients; ++i) {
    threads.emplace_back([&] {
      Client client(address);
      for (std::size_t at = next++; at < tree.files.size(); at = next++) {
        const Answer answer = client.get("/" + encode_path(tree.files[at]));
        if (answer.status == 200 && answer.body == read_file(fs::path(tree.root) / tree.files[at]))
          continue;
        const std::lock_guard lock(mutex);
        found.push_back(tree.files[at] + ": " + std::to_string(answer.status) + " " + answer.error);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return found;
}

}  // namespace

TEST_CASE("a real tree of files served by two workers comes through the master byte for byte") {
  const Tree tree = find_tree();
  REQUIRE(tree.files.size() >= enough_files);
  Cluster cluster;
  for (const auto* name : {"w1", "w2"}) {
    cluster.start_worker(name, {"--serve", tree.root, "--dotfiles", "--listen", "127.0.0.1:0"});
    REQUIRE(cluster.await_state(name, "up"));
  }
  CHECK(differences(cluster.listen(), tree) == std::vector<std::string>{});
  for (const auto* name : {"w1", "w2"}) CHECK(cluster.requests_of(name) > tree.files.size() / 10);
}

TEST_CASE("the same tree served by two nginx as backends comes through the master byte for byte") {
  if (!Nginx::is_installed()) {
    WARN("skipped: nginx is not installed");
    return;
  }
  const Tree tree = find_tree();
  const TempDir dir;
  Nginx first(dir, "nginx-1", tree.root);
  Nginx second(dir, "nginx-2", tree.root);
  Cluster cluster({"--backend", first.address(), "--backend", second.address()});
  REQUIRE(eventually([&] {
    const auto workers = cluster.workers();
    return workers.size() == 2 && std::all_of(workers.begin(), workers.end(), [](const auto& each) {
             return each.second.state == "up";
           });
  }));
  CHECK(differences(cluster.listen(), tree) == std::vector<std::string>{});
  for (const auto& [name, worker] : cluster.workers()) {
    INFO(name);
    CHECK(worker.requests > tree.files.size() / 10);
  }
}

}  // namespace tandem::e2e::file_tree_test
