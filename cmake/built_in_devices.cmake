# Writes OUT, a source that holds the text of every file of data/hardware below ROOT:
#   cmake -DROOT=… -DOUT=… -P built_in_devices.cmake
file(GLOB files RELATIVE ${ROOT} ${ROOT}/data/hardware/*/*.yaml)
set(rows "")
foreach(file IN LISTS files)
  file(READ ${ROOT}/${file} text)
  get_filename_component(id ${file} NAME_WE)
  get_filename_component(folder ${file} DIRECTORY)
  get_filename_component(class ${folder} NAME)
  set(aliases "")
  if("${text}" MATCHES "\naliases: \\[([a-z0-9_, ]*)\\]")
    set(aliases "${CMAKE_MATCH_1}")
  endif()
  string(APPEND rows "    {\"${id}\", \"${class}\", \"${aliases}\", R\"~~~(${text})~~~\"},\n")
endforeach()
file(WRITE ${OUT} "// Made from data/hardware.
#include \"hardware/registry.h\"

namespace hone {
namespace {

constexpr BuiltInDevice kDevices[] = {
${rows}};

}  // namespace

std::span<const BuiltInDevice> built_in_devices() { return kDevices; }

}  // namespace hone
")
