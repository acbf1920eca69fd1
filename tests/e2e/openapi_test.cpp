// GET /v1/openapi.json, beside the server that it describes.
#include <algorithm>
#include <set>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::openapi_test {

using Json = nlohmann::json;

namespace {

// Why `value` is not as `schema` says; empty: it is. As much of JSON Schema as the document uses.
std::string problem(const Json& value, Json schema, const Json& document,
                    const std::string& where) {
  if (schema.contains("$ref")) {
    schema = document.at(Json::json_pointer(schema["$ref"].get<std::string>().substr(1)));
  }
  const auto is = [&](const std::string& type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    if (type == "boolean") return value.is_boolean();
    return type == "null" && value.is_null();
  };
  if (const auto type = schema.find("type"); type != schema.end()) {
    const auto types = type->is_array() ? *type : Json::array({*type});
    if (std::none_of(types.begin(), types.end(), is)) return where + " is no " + types.dump();
  }
  if (const auto all = schema.find("enum"); all != schema.end()) {
    if (std::find(all->begin(), all->end(), value) == all->end()) return where + " is unexpected";
  }
  if (value.is_object()) {
    for (const auto& name : schema.value("required", Json::array())) {
      if (!value.contains(name)) return where + " lacks " + name.get<std::string>();
    }
    const auto properties = schema.value("properties", Json::object());
    for (const auto& [name, member] : value.items()) {
      if (!properties.contains(name)) continue;
      const auto why = problem(member, properties[name], document, where + "." + name);
      if (!why.empty()) return why;
    }
  }
  if (value.is_array() && schema.contains("items")) {
    for (const auto& each : value) {
      const auto why = problem(each, schema["items"], document, where + "[]");
      if (!why.empty()) return why;
    }
  }
  return {};
}

std::string path_for(std::string path, const std::string& name) {
  for (const std::string place : {"{name}", "{id}"}) {
    const auto at = path.find(place);
    if (at != path.npos) return path.replace(at, place.size(), name);
  }
  return path;
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), ::tolower);
  return text;
}

// What a reader would miss in the description of an operation; empty: nothing.
std::string missing(const std::string& path, const Json& operation) {
  if (operation.value("summary", "").empty()) return "a summary";
  const auto& responses = operation["responses"];
  bool has_success = false;
  for (const auto& [status, response] : responses.items()) {
    const auto text = response.value("description", "");
    if (text.empty()) return "what " + status + " means";
    const bool is_success = status[0] == '2' || status == "101";
    has_success = has_success || is_success;
    const bool has_schema =
        response.contains("content") && response["content"].begin().value().contains("schema");
    if (is_success ? !has_schema && text == "done" : !has_schema)
      return "what " + status + " holds";
  }
  if (!has_success) return "an answer when it is done";
  if (!responses.contains("default")) return "errors";
  const auto demands = [&](bool when, const char* status) {
    return when && !responses.contains(status);
  };
  const bool has_body = operation.contains("requestBody");
  if (has_body && !operation["requestBody"]["content"].begin().value().contains("schema")) {
    return "the schema of the body";
  }
  for (const auto& parameter : operation.value("parameters", Json::array())) {
    const auto in = parameter.value("in", "");
    const bool is_told = in == "path" || !parameter.value("description", "").empty();
    if (!is_told || !parameter.contains("schema")) return "a parameter";
  }
  if (demands(has_body, "413")) return "413";
  if (demands(has_body || operation.contains("parameters"), "400")) return "400";
  if (demands(!operation["security"].empty(), "401")) return "401";
  if (demands(!operation["security"].empty(), "403")) return "403";
  const bool is_of_worker = path.find("/workers/{name}") != path.npos;
  if (demands(is_of_worker, "404")) return "404";
  return {};
}

// Of an answer to an operation, by its status and type; empty: it is as described.
std::string problem(const Answer& answer, const Json& operation, const Json& document) {
  const auto status = std::to_string(answer.status);
  const auto& responses = operation["responses"];
  if (!responses.contains(status)) return "status " + status;
  const auto& told = responses[status];
  const auto content = told.find("content");
  if (content == told.end()) return {};
  const auto type = answer.header("Content-Type");
  const auto& stated = content->begin().key();
  if (type.substr(0, type.find(';')) != stated) return type + " instead of " + stated;
  if (stated != "application/json") return {};
  return problem(Json::parse(answer.body), content->begin().value()["schema"], document, "it");
}

constexpr auto beat = R"({"name":"w1","incarnation":"one","address":"127.0.0.1:9001"})";

}  // namespace

TEST_CASE("what is described of the control API is served, and answers an error as described") {
  PairCluster cluster;
  const auto control = cluster.control(cluster.await_primary());
  const auto told = get(control, "/v1/openapi.json");
  REQUIRE(told.status == 200);
  const auto document = Json::parse(told.body);
  CHECK(document["openapi"] == "3.1.0");
  CHECK(document["paths"].size() > 25);
  for (const auto& [path, methods] : document["paths"].items()) {
    INFO(path);
    Client client(control);
    const auto answer = client.send("PATCH", path_for(path, "nobody"), "", {});
    CHECK(answer.status == 405);
    std::set<std::string> served;
    for (const auto* method : {"get", "post", "put", "delete"}) {
      std::string name(method);
      std::transform(name.begin(), name.end(), name.begin(), ::toupper);
      if (answer.header("Allow").find(name) != std::string::npos) served.insert(method);
    }
    std::set<std::string> described;
    for (const auto& [method, operation] : methods.items()) {
      described.insert(method);
      CHECK(missing(path, operation) == "");
    }
    CHECK(described == served);
    CHECK(problem(Json::parse(answer.body), {{"$ref", "#/components/schemas/Error"}}, document,
                  path) == "");
  }
  const auto text = read_file(TANDEM_SOURCE_DIR "/master/control/openapi.json");
  for (const auto& [key, operation] : Json::parse(text)["operations"].items()) {
    INFO(key);
    const auto space = key.find(' ');
    const auto path = document["paths"].find(key.substr(space + 1));
    REQUIRE(path != document["paths"].end());
    CHECK(path->contains(lower_case(key.substr(0, space))));
  }
}

TEST_CASE("the page of the control API is up to date") {
  PairCluster cluster;
  const auto told = get(cluster.control(cluster.await_primary()), "/v1/openapi.json");
  const TempDir dir;
  const auto document = dir.write("openapi.json", told.body);
  const std::string source = TANDEM_SOURCE_DIR;
  const auto made =
      run({"/bin/sh", "-c", "\"$0\" < \"$1\"", source + "/scripts/api-page.py", document});
  INFO("curl -s http://CONTROL/v1/openapi.json | scripts/api-page.py > docs/api.md makes it anew");
  CHECK(made.output == read_file(source + "/docs/api.md"));
}

TEST_CASE("answers of the control API have the shapes that are described") {
  PairCluster cluster;
  const auto control = cluster.control(cluster.await_primary());
  REQUIRE(post(control, "/heartbeat", beat).status == 200);
  REQUIRE(eventually(
      [&] { return get(control, "/v1/services/default").body.find("w1") != std::string::npos; }));
  const auto document = Json::parse(get(control, "/v1/openapi.json").body);
  std::size_t answers = 0;
  const auto check = [&](const std::string& method, const std::string& path,
                         const std::string& target, const std::string& body = {}) {
    Client client(control);
    const auto answer = client.send(method, target, body, {});
    INFO(method << " " << target << ": " << answer.status << " " << answer.body);
    CHECK(problem(answer, document["paths"][path][lower_case(method)], document) == "");
    ++answers;
  };
  check("POST", "/v1/routes", "/v1/routes", R"({"prefix":"/shop","service":"default"})");
  check("PUT", "/v1/services/{name}/settings", "/v1/services/default/settings",
        R"({"check_path":"/up"})");
  for (const auto& [path, methods] : document["paths"].items()) {
    if (!methods.contains("get")) continue;
    for (const auto* name : {"w1", "default", "nobody"}) check("GET", path, path_for(path, name));
  }
  check("POST", "/heartbeat", "/heartbeat", beat);
  check("POST", "/heartbeat", "/heartbeat", "{}");
  check("POST", "/v1/workers/{name}/drain", "/v1/workers/w1/drain");
  check("GET", "/v1/workers/{name}/drained", "/v1/workers/w1/drained");
  check("POST", "/v1/workers/{name}/undrain", "/v1/workers/w1/undrain");
  check("POST", "/v1/workers/{name}/weight", "/v1/workers/w1/weight", R"({"weight":7})");
  check("POST", "/v1/workers", "/v1/workers", R"({"name":"b1","address":"127.0.0.1:9"})");
  check("DELETE", "/v1/workers/{name}", "/v1/workers/b1?now=true");
  check("DELETE", "/v1/routes", "/v1/routes?prefix=/shop");
  check("DELETE", "/v1/services/{name}/settings", "/v1/services/default/settings");
  check("POST", "/v1/switchover", "/v1/switchover", R"({"to":"nobody"})");
  check("DELETE", "/v1/workers/{name}", "/v1/workers/nobody");
  check("DELETE", "/v1/workers/{name}", "/v1/workers/w1?now=perhaps");
  check("POST", "/v1/workers/{name}/drain", "/v1/workers/nobody/drain");
  check("POST", "/v1/workers/{name}/undrain", "/v1/workers/nobody/undrain");
  check("POST", "/v1/workers/{name}/weight", "/v1/workers/nobody/weight", R"({"weight":7})");
  check("DELETE", "/v1/masters/{name}", "/v1/masters/nobody");
  check("DELETE", "/v1/routes", "/v1/routes?prefix=/nowhere");
  check("POST", "/v1/masters", "/v1/masters", R"({"name":"c","address":"0.0.0.0:0"})");
  check("POST", "/v1/routes", "/v1/routes", "{");
  check("POST", "/v1/routes", "/v1/routes", std::string(100'000, ' '));
  check("PUT", "/v1/log/level", "/v1/log/level", R"({"level":"loud"})");
  check("POST", "/v1/certificates/reload", "/v1/certificates/reload");
  check("POST", "/v1/ticket-keys/turn", "/v1/ticket-keys/turn");
  check("POST", "/v1/reload", "/v1/reload");
  check("POST", "/v1/upgrade", "/v1/upgrade");
  CHECK(answers > 70);
}

}  // namespace tandem::e2e::openapi_test
