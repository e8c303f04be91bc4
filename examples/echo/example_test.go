package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/rfctest"
)

// The example of the README is this program, to the letter.
func TestReadmeShowsThisProgram(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	source, err := os.ReadFile("main.go")
	require.NoError(t, err)
	body := strings.TrimSpace(string(source[strings.Index(string(source), "type question"):]))
	require.Contains(t, string(readme), body)
}

func TestProgramRunsAgainstASystem(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	cfg := sys.Config()
	cmd := exec.CommandContext(t.Context(), "go", "run", ".")
	cmd.Env = append(os.Environ(), "RFC_PORT="+cfg.GatewayService, "RFC_PASSWORD="+cfg.Password.Reveal())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "hello - SAP R/3")
}
