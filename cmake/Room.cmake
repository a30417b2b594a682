# satgate_room(NAME [LINKS target...])
#
# One static library a room: every *.cc in the folder, siblings by suffix:
#   x.cc        the room                   -> libsatgate_NAME.a
#   x_test.cc   GoogleTest                 -> NAME_test, one ctest entry a room
#   x_bench.cc  Google Benchmark           -> NAME_bench
#   x_fuzz.cc   libFuzzer, one binary each -> x_fuzz (only with SATGATE_FUZZ)
#   main.cc     an executable with a CMakeLists.txt of its own
# LINKS spells out the lower rooms and the packages a room may use; tests/tidy checks the includes.
function(satgate_room NAME)
  cmake_parse_arguments(ROOM "" "" "LINKS;TEST_LINKS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  set(benches ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_(test|bench|fuzz)|/main)\\.cc$")

  if(sources)
    add_library(satgate_${NAME} STATIC ${sources})
    target_include_directories(satgate_${NAME} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(satgate_${NAME} PUBLIC ${ROOM_LINKS})
  else()
    add_library(satgate_${NAME} INTERFACE)
    target_include_directories(satgate_${NAME} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(satgate_${NAME} INTERFACE ${ROOM_LINKS})
  endif()

  if(SATGATE_TESTS AND tests)
    add_executable(${NAME}_test ${tests})
    target_link_libraries(${NAME}_test PRIVATE satgate_${NAME} ${ROOM_TEST_LINKS} GTest::gtest
                                               GTest::gmock GTest::gtest_main)
    target_compile_definitions(${NAME}_test PRIVATE SATGATE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    add_test(NAME ${NAME} COMMAND ${NAME}_test)
  endif()
  if(SATGATE_BENCH AND benches)
    add_executable(${NAME}_bench ${benches})
    target_link_libraries(${NAME}_bench PRIVATE satgate_${NAME} ${ROOM_TEST_LINKS}
                                                benchmark::benchmark benchmark::benchmark_main)
  endif()
  if(SATGATE_FUZZ)
    foreach(source ${fuzzers})
      get_filename_component(target ${source} NAME_WE)
      add_executable(${target} ${source})
      target_link_libraries(${target} PRIVATE satgate_${NAME} ${ROOM_TEST_LINKS})
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    endforeach()
  endif()
endfunction()
