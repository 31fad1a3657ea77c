# Writes OUT, a source that holds the text of every file of data/suites below ROOT:
#   cmake -DROOT=… -DOUT=… -P built_in_suites.cmake
file(GLOB files RELATIVE ${ROOT} ${ROOT}/data/suites/*.yaml)
list(SORT files)
set(rows "")
foreach(file IN LISTS files)
  file(READ ${ROOT}/${file} text)
  get_filename_component(id ${file} NAME_WE)
  string(APPEND rows "    {\"${id}\", R\"~~~(${text})~~~\"},\n")
endforeach()
file(WRITE ${OUT} "// Made from data/suites.
#include \"measure/suites.h\"

namespace hone::measure {
namespace {

constexpr BuiltInSuite kSuites[] = {
${rows}};

}  // namespace

std::span<const BuiltInSuite> built_in_suites() { return kSuites; }

}  // namespace hone::measure
")
