# Short names for the steps of .ci/run, which holds the commands and says what they
# need. make check is what CI does. One step more: make bench.

.DEFAULT_GOAL := check
.PHONY: check test vet race lint fuzz cross test-386 judge fresh bench

check:
	@bash .ci/run

test vet race lint fuzz cross test-386 judge fresh bench:
	@bash .ci/run $@
