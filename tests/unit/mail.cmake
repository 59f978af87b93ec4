unit_test(dot mail)
