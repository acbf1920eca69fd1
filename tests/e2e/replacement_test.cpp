// A replacement during which somebody is killed: the command is repeated, and ends well.
#include <algorithm>

#include "tests/e2e/masters.hpp"

namespace tandem::e2e::replacement_test {
namespace {

enum class Stage { asked, votes, went };
enum class Who { primary, old, comer };

struct Round {
  Stage stage;
  Who dies;
};

class Replacing {
 public:
  Replacing() {
    masters_.start("a");
    masters_.add_worker("a");
    for (const std::string name : {"b", "c"}) {
      masters_.start(name, {"--join", masters_.control("a")});
      masters_.add_master("a", name);
    }
    REQUIRE(masters_.await_voters("a", {"a", "b", "c"}));
  }

  void go_through(const Round& round) {
    const auto primary = await_primary();
    // For every second the primary itself is to go, which hands over first.
    const auto old = comers_ % 2 == 0 ? standby(primary) : primary;
    const std::string comer(1, static_cast<char>('d' + comers_++));
    const Arguments join{"--join", masters_.control(primary)};
    masters_.start(comer, join);
    const Arguments replace{"master", "replace", old, comer, masters_.control(comer)};
    Process replacing(masters_.dir(), "replace-" + comer, tandem(replace));
    REQUIRE(eventually([&] { return has_come_to(round.stage, old, comer); }));

    const auto& dies = round.dies == Who::old ? old : round.dies == Who::comer ? comer : primary;
    masters_.process(dies).kill9();
    if (dies == comer) masters_.start(comer, join);
    if (dies != comer && dies != old) masters_.start(dies);
    members_.erase(old);
    members_.insert(comer);
    CHECK(eventually([&] { return run(tandem(replace)).status == 0; }));
    CHECK(masters_.await_voters(comer, members_));
    CHECK(eventually([&] { return get(masters_.listen(comer), "/").status == 200; }));
    masters_.stop(old);
  }

 private:
  std::string await_primary() {
    std::string primary;
    REQUIRE(eventually([&] {
      for (const auto& member : members_) {
        primary = masters_.primary(member);
        if (primary == member) return true;  // it says so itself
      }
      return false;
    }));
    return primary;
  }

  std::string standby(const std::string& primary) const {
    return *std::find_if(members_.begin(), members_.end(),
                         [&](const auto& member) { return member != primary; });
  }

  // Asked of any member.
  Arguments tandem(const Arguments& words) const {
    Arguments command{program("tandem")};
    for (const auto& member : members_) {
      command.insert(command.end(), {"--control", masters_.control(member)});
    }
    command.insert(command.end(), words.begin(), words.end());
    return command;
  }

  // As any member knows it.
  bool has_come_to(Stage stage, const std::string& old, const std::string& comer) const {
    return std::any_of(members_.begin(), members_.end(), [&](const std::string& member) {
      if (stage == Stage::votes) return masters_.voters(member).contains(comer);
      const auto answer = get(masters_.control(member), "/v1/masters");
      if (answer.status != 200) return false;
      bool has_old = false, has_comer = false;
      const auto list = Json::parse(answer.body);
      for (const auto& master : list.at("masters")) {
        has_old = has_old || master.at("name") == old;
        has_comer = has_comer || master.at("name") == comer;
      }
      return has_comer && (stage == Stage::asked || !has_old);
    });
  }

  Masters masters_;
  std::set<std::string> members_{"a", "b", "c"};
  int comers_ = 0;
};

}  // namespace

TEST_CASE("a replacement can be repeated to its end whichever process is killed at which stage") {
  Replacing replacing;
  for (const auto dies : {Who::primary, Who::old, Who::comer}) {
    for (const auto stage : {Stage::asked, Stage::votes, Stage::went}) {
      replacing.go_through({stage, dies});
    }
  }
}

}  // namespace tandem::e2e::replacement_test
