# Short names for the steps of .ci/run, which holds the commands and says what they
# need. make check is what CI does. More steps: make bench, make soak.

.DEFAULT_GOAL := check
.PHONY: check test vet race lint fuzz cross test-386 judge fresh bench soak

check:
	@bash .ci/run

test vet race lint fuzz cross test-386 judge fresh bench soak:
	@bash .ci/run $@
