-- A page as Markdown: without what only a browser shows, and with links to the other pages' Markdown.
function Div(div)
  if div.classes:includes("dark-content") or div.classes:includes("explorer") then return {} end
  return div.content
end

function Span(span)
  return span.classes:includes("screen-reader-only") and {} or span.content
end

function Header(header)
  header.attr = pandoc.Attr()
  return header
end

function Link(link)
  if link.target:match("^[%w-]+%.html") then link.target = link.target:gsub("%.html", ".llms.md", 1) end
  link.attr = pandoc.Attr()
  return link
end

function Image(image)
  image.attr = pandoc.Attr()
  return image
end
