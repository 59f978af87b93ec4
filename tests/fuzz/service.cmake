fuzz_target(ledger_anchor service)
fuzz_target(backup_manifest service)
fuzz_target(mailbox_facts service)
fuzz_target(disk_history service)
