# cmake -DOUTPUT=... -DFILE=... -P embed_openapi.cmake: writes a source with openapi.json as text.
file(READ ${FILE} hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
file(WRITE ${OUTPUT} "#include \"master/control/openapi_api.hpp\"\n\nnamespace tandem::master {\n\n"
  "static constexpr unsigned char bytes[] = {${bytes}0};\n"
  "const std::string_view described_operations(reinterpret_cast<const char*>(bytes), sizeof bytes - 1);\n\n"
  "}  // namespace tandem::master\n")
