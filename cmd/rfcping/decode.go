package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/purerfc/purerfc/internal/capture"
	"github.com/purerfc/purerfc/internal/dissect"
)

type decoding struct {
	*app
	hexdump, bare bool
	port          uint16
}

func (a *app) decodeCommand() *cobra.Command {
	d := decoding{app: a}
	cmd := &cobra.Command{
		Use:   "decode [flags] FILE...",
		Short: "Print recorded frames as readable records",
		Long: `decode reads recordings and prints each frame: headers by field, the RFC items, function,
parameters and exceptions. Passwords are shown as ***, in hex dumps too.

Formats: raw NI frames (.bin), annotated hex (.hex), JSON lines (.jsonl), pcap and pcapng; - is
standard input. Malformed input ends with exit code 10 and names file and offset; the frames
before it are printed.`,
		Example: `  rfcping decode trace.pcapng
  rfcping decode --json logon.hex reply.hex
  rfcping decode --hexdump --port 3301 trace.pcap`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: d.run,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"bin", "hex", "jsonl", "pcap", "pcapng"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	f := cmd.Flags()
	f.BoolVar(&d.hexdump, "hexdump", false, "add the bytes of each frame (text form)")
	f.Uint16Var(&d.port, "port", 0, "server port in packet captures (default: the usual ones and what looks like NI)")
	f.BoolVar(&d.bare, "bare", false, "the file is one payload without its four length bytes (.bin, .hex)")
	return cmd
}

// decodedFrame is a frame with the file it came from.
type decodedFrame struct {
	File string `json:"file,omitempty"`
	*dissect.Record
}

// decodeProblem is a file that could not be read to its end.
type decodeProblem struct {
	File    string `json:"file"`
	Message string `json:"message"`
}

func (d *decoding) run(_ *cobra.Command, files []string) error {
	all := []decodedFrame{}
	var problems []decodeProblem
	var errs []error
	code := exitFine
	for i, file := range files {
		doc, err := d.file(file)
		if err != nil {
			errs = append(errs, err)
			problems = append(problems, decodeProblem{file, printable(err.Error())})
			if isDamage(err) {
				code = exitProtocol
			} else if code == exitFine {
				code = exitUsage
			}
		}
		if doc == nil {
			continue
		}
		if d.json {
			for _, r := range doc.Frames {
				f := decodedFrame{Record: r}
				if len(files) > 1 {
					f.File = file
				}
				all = append(all, f)
			}
			continue
		}
		if len(files) > 1 {
			head := "== " + printable(file) + "\n"
			if i > 0 {
				head = "\n" + head
			}
			if _, err := d.out.Write([]byte(head)); err != nil {
				return err
			}
		}
		if err := dissect.WriteText(d.out, doc, dissect.TextOptions{Hex: d.hexdump}); err != nil {
			return err
		}
	}
	if d.json {
		doc := facts{{"frames", all}}
		if len(problems) > 0 {
			doc.add("errors", problems)
		}
		if err := d.writeJSON(doc); err != nil {
			return err
		}
	}
	if err := errors.Join(errs...); err != nil {
		return &exitError{code: code, err: err}
	}
	return nil
}

// file decodes one file. With an error the document holds the frames before the damage.
func (d *decoding) file(name string) (*dissect.Document, error) {
	opts := capture.Options{Bare: d.bare, Port: d.port, Note: func(text string) {
		if d.verbose {
			_, _ = fmt.Fprintf(d.err, "%s: %s\n", name, printable(text))
		}
	}}
	var frames []capture.Frame
	var readErr error
	if name == "-" {
		frames, readErr = capture.Read("standard input", d.in, opts)
	} else {
		frames, readErr = capture.ReadFile(name, opts)
	}
	if readErr != nil && len(frames) == 0 {
		if doc := d.payload(name, opts); doc != nil {
			return doc, nil
		}
		return nil, readErr
	}
	doc, err := dissect.Decode(frames)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err) // errors of the reader name the file themselves
	}
	return doc, errors.Join(readErr, err)
}

// payload tries a file that is no sequence of NI records as one payload without its length
// bytes, as captures are often published. Only a payload that decodes without a fault counts.
func (d *decoding) payload(name string, opts capture.Options) *dissect.Document {
	if name == "-" || opts.Bare {
		return nil // standard input is gone, or it was tried
	}
	opts.Bare = true
	frames, err := capture.ReadFile(name, opts)
	if err != nil || len(frames) != 1 {
		return nil
	}
	doc, err := dissect.Decode(frames)
	if err != nil {
		return nil
	}
	opts.Note("read as one payload without its four length bytes")
	return doc
}
