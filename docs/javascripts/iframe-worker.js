// Search on pages that are opened from the file system, where browsers refuse to start workers:
// the worker's script runs in a hidden frame, which passes messages as a worker would.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      this.started = new Promise((started, failed) => {
        this.frame.onload = () => {
          const inside = this.frame.contentWindow
          inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
          const script = inside.document.createElement("script")
          script.src = new URL(url, document.baseURI)
          script.onload = () => started(inside)
          script.onerror = failed
          inside.document.head.append(script)
        }
      })
      document.documentElement.append(this.frame)
    }

    postMessage(data) {
      this.started.then((inside) => inside.dispatchEvent(new inside.MessageEvent("message", { data })))
    }

    terminate() {
      this.frame.remove()
    }
  }
}
