unit_test(sasl proto)
unit_test(pop3_server proto)
unit_test(pop3_client proto)
unit_test(smtp_client proto)
