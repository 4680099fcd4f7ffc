import { Base64 } from 'js-base64'
import mqtt from 'mqtt'

const HUB = 'photos.example.org'
const USER = 'shop'
const TOKEN = '<an API token with the scopes read and command>'
const DEVICE = 'porch'
const RESULT_TOPIC = `photohub/${DEVICE}/result`
const WAIT_S = 20

Page({
  data: { picture: '', message: '', busy: false },

  onLoad() {
    this.client = mqtt.connect(`wxs://${HUB}/mqtt`, {
      protocolVersion: 4,
      clean: true,
      username: USER,
      password: TOKEN,
      reconnectPeriod: 3000,
    })
    this.client.on('connect', () => this.client.subscribe(RESULT_TOPIC, { qos: 1 }))
    this.client.on('message', (topic, payload) => this.onResult(payload.toString()))
  },

  onUnload() {
    this.client.end()
  },

  // Some devices pass on the hub's whole answer, refusals included, so both forms are read.
  onResult(text) {
    let answer
    try {
      answer = JSON.parse(text)
    } catch (error) {
      return
    }
    if (answer.url) this.setData({ picture: Base64.decode(answer.url), message: '' })
    else if (answer.code) this.setData({ message: answer.des })
  },

  takePicture() {
    this.setData({ busy: true, message: '' })
    wx.request({
      url: `https://${HUB}/api/v1/devices/${DEVICE}/capture`,
      method: 'POST',
      header: { Authorization: `Bearer ${TOKEN}` },
      data: { wait: WAIT_S },
      timeout: (WAIT_S + 10) * 1000,
      success: (answer) => this.onAnswer(answer),
      fail: () => this.setData({ message: '连接不上 PhotoHub,请检查网络。' }),
      complete: () => this.setData({ busy: false }),
    })
  },

  // 200 is the picture. 202 is the command as it stands: still under way, or ended with a reason.
  onAnswer({ statusCode, data }) {
    if (statusCode === 200) this.setData({ picture: data.url })
    else if (statusCode === 202) this.setData({ message: data.reason || '照片还在路上。' })
    else this.setData({ message: data.des })
  },
})
