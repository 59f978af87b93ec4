unit_test(dot mail)
unit_test(address mail)
unit_test(trace_header mail)
unit_test(top mail)
