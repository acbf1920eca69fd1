#include "ctl/completion.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tandem::ctl {

namespace {

struct Word {
  std::string text;
  std::string help;
};

// A command by its words, "route add", and what may follow it.
struct Place {
  std::string path;
  std::vector<Word> commands;
  std::vector<Word> flags;
  std::vector<std::string> taking;  // flags that a value follows
};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// Not one for scripts alone.
bool is_shown(const CLI::App& command) {
  return !command.get_name().empty() && !command.get_group().empty();
}

void add_flags(const CLI::App& app, Place& place) {
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) {
      place.flags.push_back({"--" + name, first_line(option->get_description())});
      if (option->get_expected_max() > 0) place.taking.push_back("--" + name);
    }
  }
}

void add_places(const CLI::App& app, const std::string& path, const Place& above,
                std::vector<Place>& places) {
  Place place{.path = path, .commands = {}, .flags = {}, .taking = {}};
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (is_shown(*command)) {
      place.commands.push_back({command->get_name(), first_line(command->get_description())});
    }
  }
  add_flags(app, place);
  // Flags of a command may follow those below it, too.
  for (const auto& word : above.flags) {
    const auto same = [&](const auto& each) { return each.text == word.text; };
    if (std::none_of(place.flags.begin(), place.flags.end(), same)) place.flags.push_back(word);
  }
  place.taking.insert(place.taking.end(), above.taking.begin(), above.taking.end());
  places.push_back(place);
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!is_shown(*command)) continue;
    const auto below = path.empty() ? command->get_name() : path + " " + command->get_name();
    add_places(*command, below, place, places);
  }
}

std::vector<Place> places_of(const CLI::App& app) {
  std::vector<Place> places;
  add_places(app, "", {}, places);
  return places;
}

std::string texts(const std::vector<Word>& words) {
  std::vector<std::string_view> all;
  for (const auto& word : words) all.push_back(word.text);
  return fmt::format("{}", fmt::join(all, " "));
}

// In single quotes, for both shells.
std::string in_quotes(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

// Of a list of _describe: a colon ends the word.
std::string described(const Word& word) {
  std::string text;
  for (const char c : word.text) {
    if (c == ':') text += '\\';
    text += c;
  }
  return in_quotes(fmt::format("{}:{}", text, word.help));
}

// Commands whose first word after them, and flags whose value, is the name of something that the
// masters know: see names.hpp.
struct Named {
  std::string_view before;
  std::string_view kind;
};
constexpr std::array named{Named{"drain", "workers"},
                           Named{"undrain", "workers"},
                           Named{"remove", "workers"},
                           Named{"weight", "workers"},
                           Named{"backend remove", "backends"},
                           Named{"service show", "services"},
                           Named{"service set", "services"},
                           Named{"service unset", "services"},
                           Named{"master remove", "masters"},
                           Named{"master replace", "masters"},
                           Named{"--to", "masters"},
                           Named{"--service", "services"}};

// Which of the words are commands is found out by going through them; a flag's value is none. What
// says where the masters are, and who asks, is kept in `asking`; `rest` counts the other words.
constexpr std::string_view walk = R"(  local path="" word before="" skip=0 rest=0 i
  local -a asking
  for ((i = FIRST; i < LAST; i++)); do
    word="${words[i]}"
    if ((skip)); then skip=0; continue; fi
    case "$word" in
      --*)
        [[ "$word" != *=* && " $(_tandem_taking "$path") " == *" $word "* ]] && skip=1
        if [[ " $(_tandem_asking) " == *" ${word%%=*} "* ]]; then
          asking+=("$word")
          ((skip)) && asking+=("${words[i+1]}")
        fi
        before="$word" ;;
      *)
        if [[ " $(_tandem_commands "$path") " == *" $word "* ]]; then path="${path:+$path }$word"
        else ((rest += 1)); fi ;;
    esac
  done
  if ((!skip)); then before="$path"; fi
  local kind
  kind=$(_tandem_kind "$before")
  if ((!skip && rest)); then kind=""; fi
)";

// The masters are asked for a moment, and not at all without timeout(1).
constexpr std::string_view ask = R"(_tandem_names() {
  timeout 2 "$@" 2>/dev/null
}
)";

std::string kinds() {
  std::string text = "_tandem_kind() {\n  case \"$1\" in\n";
  for (const auto& [before, kind] : named) {
    text += fmt::format("    '{}') echo {} ;;\n", before, kind);
  }
  return text + "  esac\n}\n";
}

std::string walk_from(std::string_view first, std::string_view last) {
  auto text = std::string(walk);
  text.replace(text.find("FIRST"), 5, first);
  text.replace(text.find("LAST"), 4, last);
  return text;
}

template <class Words>
std::string function_of(std::string_view name, const std::vector<Place>& places, Words words) {
  auto text = fmt::format("{}() {{\n  case \"$1\" in\n", name);
  for (const auto& place : places) {
    const auto said = words(place);
    if (!said.empty())
      text += fmt::format("    {}) echo {} ;;\n", in_quotes(place.path), in_quotes(said));
  }
  return text + "  esac\n}\n";
}

// Those of all commands, but for what changes the output alone.
std::string asking_flags(const Place& top) {
  std::vector<Word> flags;
  for (const auto& flag : top.flags) {
    const bool is_other =
        flag.text == "--help" || flag.text == "--version" || flag.text == "--json";
    if (!is_other) flags.push_back(flag);
  }
  return texts(flags);
}

std::string functions_of(const std::vector<Place>& places) {
  return function_of("_tandem_commands", places,
                     [](const Place& place) { return texts(place.commands); }) +
         function_of(
             "_tandem_taking", places,
             [](const Place& place) { return fmt::format("{}", fmt::join(place.taking, " ")); }) +
         fmt::format("_tandem_asking() {{ echo {}; }}\n", in_quotes(asking_flags(places.front()))) +
         kinds() + std::string(ask);
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  const auto places = places_of(app);
  return "# bash completion of tandem: source <(tandem completion bash)\n" + functions_of(places) +
         function_of("_tandem_flags", places,
                     [](const Place& place) { return texts(place.flags); }) +
         "_tandem() {\n  local words=(\"${COMP_WORDS[@]}\") cur=\"${COMP_WORDS[COMP_CWORD]}\"\n" +
         walk_from("1", "COMP_CWORD") +
         "  if [[ -n $kind && $cur != -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$(_tandem_names \"${words[0]}\" \"${asking[@]}\" "
         "complete \"$kind\")\" -- \"$cur\"))\n"
         "    return\n"
         "  fi\n"
         "  if ((skip)); then COMPREPLY=($(compgen -f -- \"$cur\")); return; fi\n"
         "  if [[ $cur == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$(_tandem_flags \"$path\")\" -- \"$cur\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -W \"$(_tandem_commands \"$path\")\" -- \"$cur\"))\n"
         "  fi\n}\n"
         "complete -o default -F _tandem tandem\n";
}

std::string zsh_completion(const CLI::App& app) {
  const auto places = places_of(app);
  std::string lists = "  local -a commands flags\n  case \"$path_\" in\n";
  for (const auto& place : places) {
    lists += fmt::format("    {})\n      commands=(", in_quotes(place.path));
    for (const auto& word : place.commands) lists += " " + described(word);
    lists += " )\n      flags=(";
    for (const auto& word : place.flags) lists += " " + described(word);
    lists += " ) ;;\n";
  }
  lists += "  esac\n";
  // In zsh, path is tied to PATH.
  auto steps = walk_from("2", "CURRENT");
  for (std::size_t at = 0; (at = steps.find("path", at)) != steps.npos; at += 5) {
    steps.replace(at, 4, "path_");
  }
  return "#compdef tandem\n# zsh completion of tandem: source <(tandem completion zsh)\n" +
         functions_of(places) + "_tandem() {\n" + steps +
         "  if [[ -n $kind && ${words[CURRENT]} != -* ]]; then\n"
         "    local -a names\n"
         "    names=(${(f)\"$(_tandem_names \"${words[1]}\" \"${asking[@]}\" complete "
         "\"$kind\")\"})\n"
         "    compadd -a names\n"
         "    return\n"
         "  fi\n"
         "  if ((skip)); then _files; return; fi\n" +
         lists +
         "  if [[ ${words[CURRENT]} == -* ]]; then _describe flag flags\n"
         "  elif ((${#commands})); then _describe command commands\n"
         "  else _files; fi\n}\n"
         "compdef _tandem tandem\n";
}

}  // namespace tandem::ctl
