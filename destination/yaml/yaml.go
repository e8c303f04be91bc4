package yaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	yaml "go.yaml.in/yaml/v3"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
)

// maxDepth bounds the nesting: destinations by name, and their properties.
const maxDepth = 16

// Format is a destination.Format for YAML: a mapping of properties, or of destinations by
// name. Scalars are taken as they are written, so that 00 and 007 keep their zeros; null is
// absent. Anchors, aliases, merge keys and a second document are refused.
func Format(document []byte) ([]destination.Member, error) {
	d := yaml.NewDecoder(bytes.NewReader(document))
	var root yaml.Node
	if err := d.Decode(&root); err != nil {
		return nil, broken(err)
	}
	var second yaml.Node
	if err := d.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line %d: a second document, one is required", max(second.Line, 1))
	}
	if len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: a mapping is required", root.Line)
	}
	return members(root.Content[0], 0)
}

// broken keeps the line of the parser's error. The rest of its text may show values.
func broken(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the document is empty")
	}
	var line int
	if _, scan := fmt.Sscanf(err.Error(), "yaml: line %d:", &line); scan == nil {
		return fmt.Errorf("line %d: not YAML", line)
	}
	return errors.New("not YAML")
}

// members reads a mapping.
func members(n *yaml.Node, depth int) ([]destination.Member, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d: more than %d levels", n.Line, maxDepth)
	}
	list := []destination.Member{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" || key.Anchor != "" {
			return nil, fmt.Errorf("line %d: a plain key is required", key.Line)
		}
		m, absent, err := member(key.Value, value, depth)
		if err != nil {
			return nil, err
		}
		if !absent {
			list = append(list, m)
		}
	}
	return list, nil
}

func member(key string, n *yaml.Node, depth int) (m destination.Member, absent bool, err error) {
	m = destination.Member{Key: key, Line: n.Line}
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return m, false, fmt.Errorf("line %d: anchors and aliases are not read", n.Line)
	case n.Kind == yaml.ScalarNode:
		m.Value = rfc.Secret(n.Value)
		return m, n.Tag == "!!null", nil
	case n.Kind == yaml.MappingNode:
		m.Members, err = members(n, depth+1)
		return m, false, err
	}
	return m, false, fmt.Errorf("line %d: a text or a mapping is required", n.Line)
}
