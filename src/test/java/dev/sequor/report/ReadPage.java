package dev.sequor.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/** A page, read back by a parser of XML, and its data by a parser of JSON. */
public record ReadPage(Document document) {
  /** The page in a file. */
  public static ReadPage of(Path file) throws IOException {
    return of(Files.readString(file));
  }

  /** A page. */
  public static ReadPage of(String html) throws IOException {
    try {
      return new ReadPage(
          DocumentBuilderFactory.newInstance()
              .newDocumentBuilder()
              .parse(new InputSource(new StringReader(html))));
    } catch (SAXException | ParserConfigurationException e) {
      throw new AssertionError(html, e);
    }
  }

  /** What all elements of this name say. */
  public List<String> texts(String element) {
    NodeList found = document.getElementsByTagName(element);
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < found.getLength(); i++) {
      texts.add(found.item(i).getTextContent());
    }
    return texts;
  }

  /** The only block of data. */
  public JsonNode data() throws IOException {
    List<String> scripts = texts("script");
    if (scripts.size() != 1) {
      throw new AssertionError(scripts);
    }
    return new ObjectMapper().readTree(scripts.get(0));
  }
}
