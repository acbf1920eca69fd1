# cmake -DOUTPUT=... -DFOLDER=... -DCHARTS=... -P embed.cmake: writes page.cpp, with the page's files as text. CHARTS: the
# folder of uPlot's dist; a file that is missing is empty.
set(text "#include \"master/page/page.hpp\"\n\nnamespace tandem::master::page {\n\n")
function(embed name file)
  set(bytes "")
  if(EXISTS ${file})
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  endif()
  string(APPEND text "static constexpr unsigned char ${name}_bytes[] = {${bytes}0};\n"
    "const std::string_view ${name}(reinterpret_cast<const char*>(${name}_bytes), sizeof ${name}_bytes - 1);\n\n")
  set(text "${text}" PARENT_SCOPE)
endfunction()
embed(html ${FOLDER}/page.html)
embed(style ${FOLDER}/page.css)
embed(script ${FOLDER}/page.js)
embed(charts ${CHARTS}/uPlot.iife.min.js)
embed(charts_style ${CHARTS}/uPlot.min.css)
file(WRITE ${OUTPUT} "${text}}  // namespace tandem::master::page\n")
